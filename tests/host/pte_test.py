"""Compares what `!pte` says at the prompt with the page tables as gdb reads them from memory.

One guest: it prints the entries of each address, then gdb stops it through QEMU's gdbstub and walks
from CR3, without any help from the kernel. The accessed and dirty bits may change between the two,
so they are compared with the letters that the guest printed, everything else with gdb.
"""

import os
import re
import subprocess
import tempfile
import unittest

from tarnlib import elf, paths, qemu
from tarnlib.dialogue import CONSOLE
from tarnlib.guest import Guest
from tarnlib.machine import Machine

PATIENCE = 60.0  # seconds for the whole conversation, and for gdb
PROMPT = 'tarn> '
ACCESSED, DIRTY = 0x20, 0x40
PRESENT, WRITABLE, LARGE, NO_EXECUTE = 0x1, 0x2, 0x80, 1 << 63
FRAME = 0x000ffffffffff000
# Bit, letter when it is set, letter when it is not: the order of the columns (contract 6).
LETTERS = ((0x200, 'C', '-'), (0x100, 'G', '-'), (LARGE, 'L', '-'), (DIRTY, 'D', '-'),
           (ACCESSED, 'A', '-'), (0x10, 'N', '-'), (0x8, 'T', '-'), (0x4, 'U', 'K'),
           (WRITABLE, 'W', 'R'), (NO_EXECUTE, '-', 'E'), (PRESENT, 'V', '-'))
NAMES = {4: 'PXE', 3: 'PPE', 2: 'PDE', 1: 'PTE'}

# Prints `entry ADDRESS LEVEL PLACE CONTENTS` for each level, all physical but the first.
WALK = '''
set pagination off
set confirm off
set architecture i386:x86-64
set language c
target remote {socket}
maintenance packet Qqemu.PhyMemMode:1
define walk
  set $va = (unsigned long)$arg0
  set $table = (unsigned long)$cr3 & 0x000ffffffffff000
  set $level = 4
  while $level > 0
    set $place = $table + 8 * (($va >> (12 + 9 * ($level - 1))) & 511)
    set $entry = *(unsigned long *)$place
    printf "entry %lx %d %lx %lx\\n", $va, $level, $place, $entry
    set $table = $entry & 0x000ffffffffff000
    set $level = $level - 1
    if ($entry & 1) == 0 || ($level > 0 && ($entry & 0x80) != 0)
      set $level = 0
    end
  end
end
'''


def _letters(value, level):
    """The column of a valid entry; bit 7 of a PTE is another bit than that of a large page."""
    if level == 1:
        value &= ~LARGE
    return ''.join(on if value & bit else off for bit, on, off in LETTERS)


class Entry:
    """One level of a walk. place: its physical address."""

    def __init__(self, level, place, value):
        self.level, self.place, self.value = level, place, value


class Conversation:
    """A guest at its prompt: ask() types a line and gives the answer."""

    def __init__(self, guest):
        self.guest = guest
        self.text = ''

    def answer(self):
        while not self.text.endswith(PROMPT):
            data = self.guest.receive(PATIENCE)
            if not data:
                raise AssertionError(f'no prompt after {self.text[-200:]!r}')
            self.text += data.decode('latin-1').replace('\r', '')
        text, self.text = self.text[:-len(PROMPT)], ''
        return text

    def ask(self, line):
        self.guest.send(line.encode() + b'\r')
        return self.answer()


class PteTest(unittest.TestCase):
    """All addresses are asked of one guest; each test looks at its own."""

    failure = None  # why the one conversation did not come about

    def setUp(self):
        """The first test holds the conversation for all of them."""
        cls = type(self)
        if not hasattr(cls, 'walked') and cls.failure is None:
            try:
                cls._converse()
            except AssertionError as error:
                cls.failure = error
        if cls.failure:
            raise cls.failure

    @classmethod
    def _converse(cls):
        cls.kernel = elf.Elf(paths.build('tarn.elf'))
        machine = Machine({'mem': 64 << 20, 'cmdline': 'prompt'})
        with tempfile.TemporaryDirectory() as folder:
            socket = os.path.join(folder, 'gdb')
            words = qemu.command(machine, 'pte', CONSOLE)
            words += ['-chardev', f'socket,id=gdb,path={socket},server=on,wait=off',
                      '-gdb', 'chardev:gdb']
            with Guest(words, stdin=subprocess.PIPE) as guest:
                talk = Conversation(guest)
                talk.answer()
                cls.addresses = cls._choose(talk)
                cls.said = {name: talk.ask(f'!pte {va:X}') for name, va in cls.addresses.items()}
                cls.walked = cls._walk(folder, socket, cls._wanted())

    @classmethod
    def _symbol(cls, name):
        return next(one.address for one in cls.kernel.symbols() if one.name == name)

    @classmethod
    def _choose(cls, talk):
        left = dict(re.findall(r'value (\w+) 0x([0-9A-F]+)',
                               talk.ask('test monitor/pte/pages-to-look-at')))
        return {
            'text': cls._symbol('MonExecute') + 1, 'constants': cls._symbol('KiRodataStart'),
            'data': cls._symbol('KiDataStart'), 'guard': cls._symbol('KiBootStack') - 8,
            'stack': cls._symbol('KiBootStackTop') - 8, 'start-up': cls._symbol('KiInitStart'),
            **{name: int(value, 16) for name, value in left.items()},
            'pfn': 0xFFFFFA0000000000 + 48 * 0x1000, 'direct': 0xFFFFFC0000000000 + 0x2345678,
            'shared': 0xFFFFF78000000000, 'apic': 0xFFFFFFFFFFE00020, 'null': 0,
            'user': 0x00007FFFFFFFFFFF, 'nothing': 0xFFFFF80000000000,
            'tables': 0xFFFFF6FB7DBED000}

    @classmethod
    def _wanted(cls):
        """The addresses, and those of their entries in the self map, which the guest names."""
        places = {int(one, 16) for text in cls.said.values()
                  for one in re.findall(r'P\wE at ([0-9A-F]{16})', text)}
        return sorted(places | set(cls.addresses.values()))

    @classmethod
    def _walk(cls, folder, socket, addresses):
        """gdb's own walk: {address: [Entry of level 4, ...]}."""
        script = os.path.join(folder, 'walk')
        with open(script, 'w', encoding='ascii') as file:
            file.write(WALK.format(socket=socket))
            file.writelines(f'walk 0x{va:x}\n' for va in addresses)
        gdb = paths.tool('gdb', 'test')
        done = subprocess.run([gdb, '-nx', '-q', '-batch', '-x', script], timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        walked = {}
        for line in re.findall(r'^entry (\w+) (\d) (\w+) (\w+)$', done.stdout, re.M):
            va, level, place, value = (int(one, 16) for one in line)
            walked.setdefault(va, []).append(Entry(level, place, value))
        if set(walked) != set(addresses):
            raise AssertionError(f'gdb did not walk: {done.stdout[-500:]}{done.stderr[-500:]}')
        return walked

    def path(self, name):
        """The entries of an address, after everything `!pte` said of them proved right."""
        va, said = self.addresses[name], self.said[name]
        self.assertIn(f'VA {va:016X}', said)
        path = self.walked[va]
        contents = [int(one, 16) for one in re.findall(r'contains ([0-9A-F]{16})', said)]
        self.assertEqual(len(path), len(contents), said)
        hide = ~(ACCESSED | DIRTY)
        for entry, printed in zip(path, contents):
            self.assertEqual(entry.value & hide, printed & hide, f'{NAMES[entry.level]}: {said}')
            place = re.search(f'{NAMES[entry.level]} at ([0-9A-F]{{16}})', said).group(1)
            self.assertEqual(entry.place, self.physical(int(place, 16)), said)
        rows = re.findall(r'pfn ([0-9a-f]+) +(\S{11})', said)
        valid = [(one, printed) for one, printed in zip(path, contents) if printed & PRESENT]
        self.assertEqual([((printed & FRAME) >> 12, _letters(printed, one.level))
                          for one, printed in valid],
                         [(int(pfn, 16), letters) for pfn, letters in rows], said)
        self.assertEqual(len(valid) < len(path), 'not valid' in said, said)
        return path

    def physical(self, va):
        """Where gdb finds an address."""
        last = self.walked[va][-1]
        self.assertTrue(last.value & PRESENT, f'{va:x}')
        size = 1 << (12 + 9 * (last.level - 1))
        return last.value & FRAME & ~(size - 1) | va & (size - 1)

    def rights(self, name):
        """(level where the walk ends, writable, executable), all levels together; None: invalid."""
        path = self.path(name)
        if not path[-1].value & PRESENT:
            return None
        return (path[-1].level, all(one.value & WRITABLE for one in path),
                not any(one.value & NO_EXECUTE for one in path))

    def test_image(self):
        self.assertEqual((1, False, True), self.rights('text'))
        self.assertEqual((1, False, False), self.rights('constants'))
        self.assertEqual((1, True, False), self.rights('data'))
        self.assertIsNone(self.rights('start-up'))

    def test_stack_and_its_guard(self):
        self.assertEqual((1, True, False), self.rights('stack'))
        self.assertIsNone(self.rights('guard'))

    def test_pools(self):
        self.assertEqual((1, True, False), self.rights('nonpaged'))
        self.assertEqual((1, True, True), self.rights('executable'))
        self.assertEqual((1, True, False), self.rights('touched'))

    def test_untouched_paged_pool(self):
        self.assertIsNone(self.rights('untouched'))
        self.assertIn('DemandZero', self.said['untouched'])

    def test_direct_map_has_large_pages(self):
        self.assertEqual((2, True, False), self.rights('direct'))
        self.assertEqual(0x2345678, self.physical(self.addresses['direct']))

    def test_devices_are_not_cached(self):
        self.assertEqual((1, True, False), self.rights('apic'))
        self.assertTrue(self.path('apic')[-1].value & 0x10)
        self.assertEqual(0xFEE00020, self.physical(self.addresses['apic']))

    def test_database_and_shared_page(self):
        self.assertEqual((True, False), self.rights('pfn')[1:])
        self.assertEqual((1, True, False), self.rights('shared'))

    def test_where_nothing_is(self):
        for name in ('null', 'user', 'nothing'):
            with self.subTest(name):
                self.assertIsNone(self.rights(name))

    def test_tables_map_themselves(self):
        path = self.path('tables')
        self.assertEqual({path[0].place}, {one.place for one in path})


if __name__ == '__main__':
    unittest.main()
