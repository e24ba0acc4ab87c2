"""Reads the kernel's ELF64 file: its symbols and the tables of tests that the linker gathered.

The launcher lists and expands test names with it, compares bug check parameters with symbols, and
tools/conformance reads the quotes. Addresses are link addresses; nothing is relocated.
"""

import os
import struct
from typing import NamedTuple

from tarnlib import paths
from tarnlib.errors import TarnError

SYMBOL_TABLE = 2     # SHT_SYMTAB
NO_BITS = 8          # SHT_NOBITS
LOADED, NOTE = 1, 4  # PT_LOAD, PT_NOTE
X86_64 = 62          # EM_X86_64
PVH_NOTE = struct.pack('<3I4s', 4, 8, 18, b'Xen')  # how boot/entry.S begins it
FRONT = 1 << 16      # the headers and the note are within the first bytes
SLOW = 1             # TEST_SLOW of tests/test.h


ADVICE = 'run `make`, or name the kernel with --kernel'
DAMAGE = (struct.error, IndexError, ValueError, OverflowError)  # what reading a damaged file raises


class Segment(NamedTuple):
    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    stored: int
    size: int


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


def _read(path, limit=-1):
    """The first bytes of a file that must be there."""
    if not os.path.isfile(path):  # a pipe could be opened too, and would wait for its writer
        state = 'no file' if os.path.exists(path) else 'missing'
        raise TarnError(f'{paths.shown(path)} is {state}: {ADVICE}')
    try:
        with open(path, 'rb') as file:
            return file.read(limit)
    except OSError as error:
        raise TarnError(f'{paths.shown(path)} cannot be read: {error.strerror}') from None


def _damaged(path):
    return TarnError(f'{paths.shown(path)} is a damaged ELF file: run `make clean all`')


def _loaded_segments(path, data):
    """The segments that a loader copies, of a file that must be the kernel."""
    if data[:6] != b'\x7fELF\x02\x01':
        raise TarnError(f'{paths.shown(path)} is no 64-bit little-endian ELF file: {ADVICE}')
    table, = struct.unpack_from('<Q', data, 32)
    size, count = struct.unpack_from('<2H', data, 54)
    all_of_them = [Segment(*struct.unpack_from('<IIQQQQQ', data, table + index * size))
                   for index in range(count)]
    notes = [data[one.offset:one.offset + len(PVH_NOTE)] for one in all_of_them if one.kind == NOTE]
    if struct.unpack_from('<H', data, 18)[0] != X86_64 or PVH_NOTE not in notes:
        raise TarnError(f'{paths.shown(path)} is an ELF file, but not the Tarn kernel: {ADVICE}')
    return [one for one in all_of_them if one.kind == LOADED]


def memory_end(path):
    """The physical address after a kernel's last byte, which the machine's memory must reach."""
    try:
        return max(one.physical + one.size for one in _loaded_segments(path, _read(path, FRONT)))
    except DAMAGE:
        raise _damaged(path) from None


def _guarded(method):
    """A method of Elf that reads once; damage in the file is a TarnError."""
    def guarded(self):
        try:
            if method not in self.known:
                self.known[method] = method(self)
            return self.known[method]
        except DAMAGE:
            raise _damaged(self.path) from None
    return guarded


class Elf:
    """One kernel file, read once. Any damage is a TarnError that names the file."""

    def __init__(self, path):
        self.path = path
        self.data = _read(path)
        self.known = {}
        self._load()

    @_guarded
    def _load(self):
        self.segments = _loaded_segments(self.path, self.data)
        table, = struct.unpack_from('<Q', self.data, 40)
        size, count, names = struct.unpack_from('<3H', self.data, 58)
        rows = [struct.unpack_from('<IIQQQQI', self.data, table + index * size)
                for index in range(count)]
        name_base = rows[names][4] if count else 0
        self.sections = [Section(self._text(name_base + name), kind, address, offset, length, link)
                         for name, kind, _, address, offset, length, link in rows]

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
        for one in self.segments:
            if one.address <= address < one.address + one.stored:
                return self._text(one.offset + address - one.address)
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

    @_guarded
    def tests(self):
        return [Test(self.string(name), self.string(quote), bool(flags & SLOW))
                for name, quote, _, flags in self._records('.tarn.tests')]

    @_guarded
    def crashes(self):
        return [Crash(self.string(name), self.string(expected), self.string(quote))
                for name, expected, quote, _ in self._records('.tarn.crashes')]

    @_guarded
    def benches(self):
        return [Bench(self.string(name), self.string(unit), self.string(goal))
                for name, unit, goal, _ in self._records('.tarn.benches')]

    @_guarded
    def symbols(self):
        symbols = []
        for table in self.sections:
            if table.kind == SYMBOL_TABLE:
                base = self.sections[table.link].offset
                for offset in range(table.offset, table.offset + table.size, 24):
                    name, _, _, address, size = struct.unpack_from('<IBxHQQ', self.data, offset)
                    if name:
                        symbols.append(Symbol(self._text(base + name), address, size))
        return symbols

    def extents(self, name):
        """(first address, address after the last) of each symbol of that name."""
        return [(one.address, one.address + max(one.size, 1)) for one in self.symbols()
                if one.name == name]
