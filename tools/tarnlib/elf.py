"""Reads the kernel's ELF64 file: its symbols and the tables of tests that the linker gathered.

The launcher lists and expands test names with it, compares bug check parameters with symbols, and
tools/conformance reads the quotes. Addresses are link addresses; nothing is relocated.
"""

import struct
from typing import NamedTuple

from tarnlib.errors import TarnError

SYMBOL_TABLE = 2     # SHT_SYMTAB
NO_BITS = 8          # SHT_NOBITS
LOADED = 1           # PT_LOAD
SLOW = 1             # TEST_SLOW of tests/test.h


class Section(NamedTuple):
    name: str
    kind: int
    address: int
    offset: int
    size: int
    link: int


class Symbol(NamedTuple):
    name: str
    address: int
    size: int


class Test(NamedTuple):
    name: str
    quote: str
    slow: bool


class Crash(NamedTuple):
    name: str      # without the crash/ of its scenario
    expected: str
    quote: str


class Bench(NamedTuple):
    name: str
    unit: str
    goal: str


class Elf:
    """One kernel file, read once. Any damage is a TarnError that names the file."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path, 'rb') as file:
                self.data = file.read()
        except FileNotFoundError:
            raise TarnError(f'{path} is missing: run `make`') from None
        except OSError as error:
            raise TarnError(f'{path} cannot be read: {error.strerror}') from None
        try:
            self._load()
        except (struct.error, IndexError, UnicodeDecodeError):
            raise TarnError(f'{path} is a damaged ELF file: run `make clean all`') from None

    def _load(self):
        if self.data[:6] != b'\x7fELF\x02\x01':
            raise TarnError(f'{self.path} is no 64-bit little-endian ELF file: '
                            'name the kernel with --kernel')
        (self.entry, program, table) = struct.unpack_from('<QQQ', self.data, 24)
        (program_size, program_count, size, count, names) = struct.unpack_from('<5H', self.data, 54)
        self.segments = []
        for index in range(program_count):
            kind, _, offset, address, _, stored = struct.unpack_from(
                '<IIQQQQ', self.data, program + index * program_size)
            if kind == LOADED:
                self.segments.append((address, offset, stored))
        rows = [struct.unpack_from('<IIQQQQI', self.data, table + index * size)
                for index in range(count)]
        name_base = rows[names][4] if count else 0
        self.sections = [Section(self._text(name_base + name), kind, address, offset, length, link)
                         for name, kind, _, address, offset, length, link in rows]
        self._symbols = None

    def _text(self, offset):
        end = self.data.find(b'\0', offset)
        if end < 0:
            raise IndexError
        return self.data[offset:end].decode('utf-8')

    def section(self, name):
        return next((one for one in self.sections if one.name == name), None)

    def string(self, address):
        """The NUL-terminated text at a link address; "" for a null pointer."""
        if address == 0:
            return ''
        for start, offset, stored in self.segments:
            if start <= address < start + stored:
                return self._text(offset + address - start)
        raise TarnError(f'{self.path}: no text at {address:#x}: run `make clean all`')

    def _records(self, name):
        """The 32-byte records of a table section, as four numbers each."""
        section = self.section(name)
        if section is None or section.kind == NO_BITS:
            return []
        if section.size % 32:
            raise TarnError(f'{self.path}: {name} does not hold whole records: '
                            'tests/test.h and tools/tarnlib/elf.py differ')
        return [struct.unpack_from('<4Q', self.data, section.offset + offset)
                for offset in range(0, section.size, 32)]

    def tests(self):
        return [Test(self.string(name), self.string(quote), bool(flags & SLOW))
                for name, quote, _, flags in self._records('.tarn.tests')]

    def crashes(self):
        return [Crash(self.string(name), self.string(expected), self.string(quote))
                for name, expected, quote, _ in self._records('.tarn.crashes')]

    def benches(self):
        return [Bench(self.string(name), self.string(unit), self.string(goal))
                for name, unit, goal, _ in self._records('.tarn.benches')]

    def symbols(self):
        if self._symbols is None:
            self._symbols = []
            for table in self.sections:
                if table.kind == SYMBOL_TABLE:
                    base = self.sections[table.link].offset
                    for offset in range(table.offset, table.offset + table.size, 24):
                        name, _, _, address, size = struct.unpack_from('<IBxHQQ', self.data, offset)
                        if name:
                            self._symbols.append(Symbol(self._text(base + name), address, size))
        return self._symbols

    def extents(self, name):
        """(first address, address after the last) of each symbol of that name."""
        return [(one.address, one.address + max(one.size, 1)) for one in self.symbols()
                if one.name == name]
