"""kmdf.py - counts how much of the KMDF function table is there, for the build.

Reads `nm` of the kernel on standard input. wdf/table.S defines Fx<name> for each slot weakly, as a
stop by the function's name; a real function of that name takes its place. So a weak symbol is a
slot that is missing. With --missing their names are printed too.
"""
import re
import sys

SLOT = re.compile(r'^[0-9a-f]+ ([TW]) Fx(Wdf\w+)$')


def slots(lines):
    """{function: whether it is there} of each slot of the table."""
    found = (SLOT.match(line.strip()) for line in lines)
    return {match.group(2): match.group(1) == 'T' for match in found if match}


def main(arguments, lines):
    table = slots(lines)
    print(f'KMDF: {sum(table.values())} of {len(table)} implemented')
    if '--missing' in arguments:
        print('\n'.join(name for name in sorted(table) if not table[name]))


if __name__ == '__main__':
    main(sys.argv[1:], sys.stdin)
