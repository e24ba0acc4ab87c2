"""ksyms.py - turn `nm -n` into the kernel's own symbol table, for readable bug checks.

Reads nm's lines on standard input and writes assembler: a count, then for each function its offset
from the image's start and the offset of its name, sorted by address, then the names.
kernel/ke/symbols.c searches it.
"""
import sys

IMAGE_START = 0xFFFFFFFF81000000

symbols = {}
for line in sys.stdin:
    address, kind, name = line.split()
    if kind in "tT" and int(address, 16) >= IMAGE_START and not name.startswith("."):
        symbols.setdefault(int(address, 16), name)

print('    .section .ksyms, "a"\n    .balign 8\n    .globl KiSymbolTable\nKiSymbolTable:')
print(f"    .long {len(symbols)}, 0")
offset = 0
for address in sorted(symbols):
    print(f"    .long {address - IMAGE_START:#x}, {offset}")
    offset += len(symbols[address]) + 1
for address in sorted(symbols):
    print(f'    .asciz "{symbols[address]}"')
print('    .section .note.GNU-stack, "", @progbits')
