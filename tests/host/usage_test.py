"""Tests of what the launcher says to bad words, files and machines: one line that tells what is
wrong and what to do, the documented status, and nothing left behind.
"""

import os
import random
import signal
import subprocess
import sys
import unittest

from fakes import BASE, LONG, PROGRAM, LauncherTest, alive, kernel
from tarnlib import elf
from tarnlib.errors import TarnError

GOOD = '# Tarn\r\n1..3\r\nok 1 - a/one\r\nok 2 - a/two\r\nok 3 - b/three\r\n'
ARABIC_THREE = '\u0663'  # Python takes it for a digit; QEMU does not


class ErrorTest(LauncherTest):
    def fails(self, status, text, *words):
        done = self.tarn(*words)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)
        self.assertIn(text, done.stderr)

    def all_fail(self, status, *cases):
        """cases: (text that the line must hold, words)."""
        for text, *words in cases:
            with self.subTest(words):
                self.fails(status, text, *words)

    def setUp(self):
        super().setUp()
        self.table('quick | | test=* | pass')
        self.guest(GOOD, 33)


class WordsTest(ErrorTest):
    """The command line."""

    def test_commands(self):
        self.all_fail(2, ('a command is missing',), ('`boot` is no command', 'boot'),
                      ('--nonsense', 'run', '--nonsense'), ('word', 'run', 'word'),
                      ('at least 1', 'soak-boots', '0'), ('nothing matches `zz*`', 'test', 'zz*'),
                      ('no bench matches `nope/*`; there are irql/*', 'bench', 'nope/*'))

    def test_numbers(self):
        self.all_fail(2, ('`0` is no number of processors', 'run', '--cpus', '0'),
                      (f'`{ARABIC_THREE}` is no number of', 'run', '--cpus', ARABIC_THREE),
                      ('`12Q` is no size', 'run', '--mem', '12Q'),
                      (f'`{ARABIC_THREE}M` is no size', 'run', '--mem', f'{ARABIC_THREE}M'),
                      ('`99999999999999G` is no size', 'run', '--mem', '99999999999999G'),
                      ('no time limit', 'run', '--timeout', '-1'),
                      ('no time limit', 'run', '--timeout', 'nan'),
                      ("invalid choice: 'ne2000'", 'run', '--device', 'ne2000'))

    def test_files(self):
        self.all_fail(2, ('no such image', 'run', '--disk', 'none.img'),
                      ('`` is no file', 'run', '--disk', ''), ('`` is no file', 'run', '--log', ''),
                      ('/no/where', 'run', '--cmdline', 'a', '--log', '/no/where'),
                      ('x.iso cannot be read', 'run', '--iso', 'x.iso'),
                      ('is no ISO image', 'run', '--iso=' + self.path('tarn.elf')),
                      ('--disk 1073740800M', 'run', '--cmdline', 'a', '--disk', '1048575G'))

    def test_disks(self):
        error = ('run', '--disk', '64M', '--disk-error')
        self.all_fail(2, ('`erase` is no error of a disk: write read:SECTOR', *error, 'erase'),
                      ('`flush:8` is no error of a disk', *error, 'flush:8'),
                      ('`read:x` is no error of a disk', *error, 'read:x'),
                      ('`write:once:8` is no error of a disk', *error, 'write:once:8'),
                      ('9-8 is no range of sectors', *error, 'read:9-8'),
                      ('is no range of sectors', *error, 'read:99999999999999999'),
                      ('`read:8:x0` is no error of a disk', *error, 'read:8:x0'),
                      ('`read:0-2048`: 256 pages are the most', *error, 'read:0-2048'),
                      ('`0` is no rate', 'run', '--disk-slow', '0'),
                      ('`fast` is no rate', 'run', '--disk-slow', 'fast'),
                      ('`vectors` are no properties', 'run', '--disk-device', 'vectors'),
                      ('`a=b,drive=/x` are no', 'run', '--disk-device', 'a=b,drive=/x'))
        none = ('run', '--disk', 'none')
        self.all_fail(2, ('--disk-error needs --disk', *none, '--disk-error', 'read'),
                      ('--disk-slow needs --disk', *none, '--disk-slow', '5'),
                      ('--disk-read-only needs --disk', *none, '--disk-read-only'),
                      ('--disk-device needs --disk', *none, '--disk-device', 'vectors=0'))

    def test_image_has_its_words_inside(self):
        with open(self.path('x.iso'), 'wb') as file:
            file.write(bytes(0x8001) + b'CD001')
        self.fails(2, 'inside', 'run', '--iso', self.path('x.iso'), '--cmdline', 'a')

    def test_machines(self):
        two = ('run', '--cpus', '2', '--numa')
        self.all_fail(2, ('needs TCG', 'run', '--icount', '--accel', 'kvm'),
                      ('needs --numa', 'run', '--distance', '0-1=20'),
                      ('-cpu help lists them', 'run', '--cpu', 'help'),
                      ('\'\\n\' is no character', 'test', 'quick', '--cmdline', 'a\nb'),
                      ('\'\\xe9\' is no', 'test', 'quick', '--cmdline', 'caf\xe9'),
                      ('too many for a loader', 'run', '--cmdline', 'a' * 4001),
                      ('there are 0 to 1; give more --cpus', *two, '32M:0,32M:2'),
                      ('node 0 has it', *two, '32M:0-1,32M:1'),
                      ('`1-0` is no range', *two, '64M:1-0'))

    def test_no_terminal(self):
        self.all_fail(2, ('standard input is no terminal', 'run'),
                      ('standard input is no terminal', 'run', '--cmdline', 'test=a prompt'))

    def test_help_of_every_command(self):
        for command in ('run', 'test', 'prove', 'bench', 'debug', 'iso', 'soak',
                        'soak-boots'):
            with self.subTest(command):
                done = self.tarn(command, '--help')
                self.assertEqual(0, done.returncode)
                self.assertIn('4  TIMEOUT', done.stdout)


class KernelTest(ErrorTest):
    """What --kernel names, or build/tarn.elf."""

    def every_command(self, text):
        for words in (('test', 'quick'), ('run', '--cmdline', 'a'), ('iso',), ('bench',)):
            with self.subTest(words):
                self.fails(5, text, *words)

    def write(self, data):
        with open(self.path('tarn.elf'), 'wb') as file:
            file.write(data)

    def whole(self):
        with open(self.path('tarn.elf'), 'rb') as file:
            return bytearray(file.read())

    def test_missing(self):
        os.unlink(self.path('tarn.elf'))
        self.every_command('tarn.elf is missing: run `make`, or name the kernel with --kernel')

    def test_folder(self):
        self.fails(5, 'is no file', 'test', 'quick', '--kernel=' + self.folder)

    def test_pipe_is_not_waited_for(self):
        os.unlink(self.path('tarn.elf'))
        os.mkfifo(self.path('tarn.elf'))
        self.every_command('is no file')

    def test_no_elf(self):
        self.write(b'#!/bin/sh\n')
        self.every_command('no 64-bit')

    def test_another_program(self):
        self.write(self.whole().replace(b'Xen', b'Yen'))
        self.every_command('is an ELF file, but not the Tarn kernel')

    def test_another_processor(self):
        data = self.whole()
        data[18] = 183
        self.write(data)
        self.every_command('not the Tarn kernel')

    def test_cut_off(self):
        whole = self.whole()
        self.write(whole[:40])
        self.every_command('damaged')
        self.write(whole[:-200])
        self.fails(5, 'damaged', 'test', 'quick')

    def test_any_damage(self):
        whole, chance = self.whole(), random.Random(1)
        for _ in range(2000):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(data))
                data[place] = chance.choice((0, 1, 255, chance.getrandbits(8)))
            self.write(data)
            try:
                file = elf.Elf(self.path('tarn.elf'))
                file.tests(), file.crashes(), file.benches(), file.extents('Reader')
                elf.memory_end(self.path('tarn.elf'))
            except TarnError:
                pass  # one that says so; any other ends this test

    def test_too_little_memory(self):
        self.fails(2, 'needs 17M to start', 'run', '--cmdline', 'a', '--mem', '16M')
        self.fails(2, 'needs 19M to start', 'run', '--cmdline', 'a', '--mem', '18M', '--iso')


class MachineTest(ErrorTest):
    """The machine that the launcher itself runs on."""

    def test_no_qemu(self):
        self.environment['TARN_QEMU'] = 'no-such-qemu'
        self.fails(5, 'no-such-qemu is missing: run tools/setup run', 'test', 'quick')

    def test_no_firmware(self):
        self.table('quick | --iso --uefi | | pass')
        self.environment['TARN_OVMF'] = ''
        # The tools are there on this machine or not: either way one line tells what to install.
        self.environment['PATH'] = '/nowhere'
        self.fails(5, 'tools/setup', 'test', 'quick')

    def test_broken_table(self):
        for row, text in (('quick | | pass', 'scenarios:1: write name'),
                          ('quick | | | passes', '`passes` is no outcome'),
                          ('quick | | | bugcheck 0xA', 'words; a code'),
                          ('quick | | | dialogue', 'takes a file'),
                          ('quick | --cpu 4 --nope | | pass', '--nope'),
                          ('quick | --mem x | | pass', '`x` is no size'),
                          ('quick | | | pass\nquick | | | pass', 'scenarios:2: `quick` is there')):
            with self.subTest(row):
                self.table(row)
                self.fails(5, text, 'test', 'quick')

    def test_no_build_folder(self):
        self.environment['TARN_BUILD'] = '/dev/null'
        self.fails(5, 'name another build folder in TARN_BUILD', 'run', '--cmdline', 'a')

    def test_qemu_that_refuses(self):
        self.qemu('echo "qemu-system-x86_64: warning: host too old" >&2',
                  'echo "qemu-system-x86_64: no such model" >&2',
                  'echo "and more" >&2', 'exit 1')
        text = 'tarn: QEMU refuses this machine: no such model\n'
        self.all_fail(5, (text, 'run', '--cmdline', 'a'), (text, 'test', 'quick'), (text, 'bench'))

    def test_a_refusal_is_no_crash(self):
        self.table('odd | | test=* | crash')
        self.qemu('echo "qemu-system-x86_64: no such model" >&2', 'exit 1')
        self.fails(5, 'QEMU refuses', 'test', 'odd')

    def test_prove_tells_the_refusal(self):
        self.qemu('echo "qemu-system-x86_64: no such model" >&2', 'exit 1')
        done = self.tarn('prove', 'unknown-word')
        self.assertEqual(5, done.returncode)
        self.assertIn('unknown-word: QEMU refuses this machine: no such model', done.stdout)


class StreamsTest(LauncherTest):
    """Standard streams that are closed, full or left by their reader."""

    def run_with(self, redirection, *words):
        return subprocess.run(['sh', '-c', f'exec "$@" {redirection}', 'sh', sys.executable,
                               PROGRAM, *self.complete(words)], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)

    def setUp(self):
        super().setUp()
        self.table('quick | | test=* | pass')
        self.guest(GOOD, 33)

    def test_closed(self):
        for redirection in ('>&-', '<&- >&- 2>&-'):
            for words in (('test', 'quick'), ('--help',), ('soak-boots', '1')):
                with self.subTest((redirection, words)):
                    done = self.run_with(redirection, *words)
                    self.assertEqual((0, ''), (done.returncode, done.stderr))
        with open(self.path('log/quick.log'), 'rb') as file:
            self.assertEqual(GOOD.encode(), file.read())

    def test_full(self):
        for words in (('test', 'quick'), ('--help',), ('run', '--help'), ('bench', '--help')):
            with self.subTest(words):
                done = self.run_with('>/dev/full', *words)
                self.assertEqual((5, 'tarn: system: No space left on device\n'),
                                 (done.returncode, done.stderr))

    def test_reader_of_the_help_that_leaves(self):
        for words in (('--help',), ('run', '--help')):
            with self.subTest(words):
                reading, writing = os.pipe()
                os.close(reading)
                done = subprocess.run([sys.executable, PROGRAM, *words], stdout=writing,
                                      stderr=subprocess.PIPE, text=True, check=False)
                os.close(writing)
                self.assertEqual((1, ''), (done.returncode, done.stderr))


class LeftoversTest(LauncherTest):
    """What is ended takes everything along that it started."""

    def pid(self):
        self.wait_for(lambda: os.path.exists(self.path('pid')) and self.read('pid'), 'a pid')
        return int(self.read('pid'))

    def test_prove(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number):
                self.qemu(f'echo $$ > "{self.path("pid")}"; echo 1..3; exec sleep 1000')
                process = self.start('prove', 'unknown-word')
                pid = self.pid()
                process.send_signal(number)
                process.wait(LONG)
                self.wait_for(lambda: not alive(pid), 'the end of QEMU')
                os.unlink(self.path('pid'))

    def test_debug(self):
        kernel(self.path('tarn.elf'), symbols=[('KiSystemStartup', BASE, 8)])
        self.qemu(': > "$(expr "$*" : ".*path=\\([^,]*\\),server")"', 'exec sleep 1000')
        with open(self.path('gdb'), 'w', encoding='utf-8') as file:
            file.write(f'#!/bin/sh\necho $$ > "{self.path("pid")}"\nexec sleep 1000\n')
        os.chmod(self.path('gdb'), 0o755)
        self.environment['PATH'] = self.folder + os.pathsep + os.environ['PATH']
        process = self.start('debug')
        pid = self.pid()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(128 + signal.SIGTERM, process.wait(LONG))
        self.assertFalse(alive(pid))


if __name__ == '__main__':
    unittest.main()
