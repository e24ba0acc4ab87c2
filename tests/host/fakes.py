"""Stand-ins for the tests of the launcher: a kernel file made of nothing but tables, and a QEMU
that is a shell script.
"""

import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import unittest
from typing import NamedTuple

from tarnlib import cli, guest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, 'tools', 'tarn')
BASE = 0xffffffff81000000
PHYSICAL = 0x1000000
PVH_NOTE = struct.pack('<3I4sQ', 4, 8, 18, b'Xen', PHYSICAL)
STRING_TABLE, SYMBOL_TABLE = 3, 2
LONG = 120.0  # seconds; what takes longer on a busy machine hangs
LIMITS = ('0.4', '2', '10', '60')


def as_a_user(prepare=None):
    """What a child does before exec, with Prepare: it lets no signal be ignored. Under nohup or in
    the background of a shell the tests have some ignored, and it would go on so."""
    def undo():
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if prepare:
            prepare()
    return undo


class Done(NamedTuple):
    """A command that has ended."""
    returncode: int
    stdout: str
    stderr: str


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):  # the second: it went between the two steps
        return False


class _Image:
    """Text of a fake kernel: one loaded segment whose first byte has the address BASE."""

    def __init__(self):
        self.data = bytearray(b'\0')

    def text(self, text):
        if not text:
            return 0
        address = BASE + len(self.data)
        self.data += text.encode() + b'\0'
        return address


def kernel(path, tests=(), crashes=(), benches=(), symbols=()):
    """Writes an ELF64 file. tests: names, or (name, flags); crashes: (name, expected);
    benches: names; symbols: (name, address, size)."""
    image = _Image()
    pairs = [one if isinstance(one, tuple) else (one, 0) for one in tests]
    tables = {
        '.tarn.tests': [(image.text(name), image.text('APP-1 A quote.'), BASE, flags)
                        for name, flags in pairs],
        '.tarn.crashes': [(image.text(name), image.text(expected), 0, BASE)
                          for name, expected in crashes],
        '.tarn.benches': [(image.text(name), image.text('instructions'), 0, BASE)
                          for name in benches]}
    strings, records = b'\0', bytes(24)
    for name, address, size in symbols:
        records += struct.pack('<IBBHQQ', len(strings), 2, 0, 1, address, size)
        strings += name.encode() + b'\0'
    parts = [('', 0, b''), ('.text', 1, bytes(image.data))]
    parts += [(name, 1, b''.join(struct.pack('<4Q', *row) for row in rows))
              for name, rows in tables.items()]
    parts += [('.symtab', SYMBOL_TABLE, records), ('.strtab', STRING_TABLE, strings)]
    names = b'\0' + b'\0'.join(name.encode() for name, _, _ in parts[1:]) + b'\0.shstrtab\0'
    parts.append(('.shstrtab', STRING_TABLE, names))
    body, headers, offset = b'', b'', 64 + 2 * 56
    for name, kind, data in parts:
        link = len(parts) - 2 if name == '.symtab' else 0
        place = names.find(b'\0' + name.encode() + b'\0') + 1 if name else 0
        headers += struct.pack('<IIQQQQIIQQ', place, kind, 0, 0, offset + len(body), len(data),
                               link, 0, 8, 0)
        body += data
    end = offset + len(body)
    program = struct.pack('<IIQQQQQQ', 1, 4, offset, BASE, PHYSICAL, len(image.data),
                          len(image.data), 1)
    program += struct.pack('<IIQQQQQQ', 4, 4, end, 0, 0, len(PVH_NOTE), len(PVH_NOTE), 4)
    header = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack(
        '<HHIQQQIHHHHHH', 2, 62, 1, BASE, 64, end + len(PVH_NOTE), 0, 64, 56, 2, 64, len(parts),
        len(parts) - 1)
    with open(path, 'wb') as file:
        file.write(header + program + body + PVH_NOTE + headers)


class LauncherTest(unittest.TestCase):
    """A test in a build folder of its own, with a fake kernel and a fake QEMU."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = dict(os.environ, TARN_BUILD=self.folder,
                                TARN_QEMU=self.path('qemu'))
        kernel(self.path('tarn.elf'), tests=['a/one', 'a/two', 'b/three'],
               crashes=[('irql/bad', '0xA $block 0x2 0x0 sym:Reader')], benches=['irql/pair'],
               symbols=[('Reader', BASE + 16, 8)])

    def path(self, name):
        return os.path.join(self.folder, name)

    def qemu(self, *lines):
        """The fake QEMU: lines of shell. `$*` has the words that the launcher gave it."""
        with open(self.path('qemu'), 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\n' + '\n'.join(lines) + '\n')
        os.chmod(self.path('qemu'), 0o755)

    def guest(self, log, status):
        """The fake QEMU prints this log and ends with that status."""
        with open(self.path('log.txt'), 'wb') as file:
            file.write(log if isinstance(log, bytes) else log.encode())
        self.qemu(f'cat "{self.path("log.txt")}"', f'exit {status}')

    def table(self, *rows):
        with open(self.path('scenarios'), 'w', encoding='utf-8') as file:
            file.write('\n'.join(rows) + '\n')

    def read(self, *parts):
        with open(os.path.join(self.folder, *parts), encoding='utf-8') as file:
            return file.read()

    def wait_for(self, condition, what):
        """Until condition() holds, however slow the machine is; its value."""
        limit = time.monotonic() + LONG
        while time.monotonic() < limit:
            value = condition()
            if value:
                return value
            time.sleep(0.01)
        return self.fail(f'{what} did not come')

    def patiently(self, attempt):
        """attempt(limit) with ever more --timeout seconds until it gives something; that or None.

        What must happen before a time limit takes longer on a busy machine.
        """
        return next(filter(None, map(attempt, LIMITS)), None)

    def complete(self, words):
        if words[:1] == ('test',):
            words += ('--table', self.path('scenarios'))
        return list(words)

    def start(self, *words):
        """Starts tools/tarn as a user does; the Popen."""
        process = subprocess.Popen([sys.executable, PROGRAM, *self.complete(words)],
                                   env=self.environment, stdin=subprocess.DEVNULL, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   preexec_fn=as_a_user(guest.preparation()))
        for last in (process.stderr.close, process.stdout.close, process.wait, process.kill):
            self.addCleanup(last)
        return process

    def tarn(self, *words):
        """Runs tools/tarn to its end, in a copy of this process: that saves Python's start."""
        outputs = [tempfile.TemporaryFile('w+') for _ in range(2)]
        child = os.fork()
        if child == 0:
            self._in_child(self.complete(words), outputs)
        _, status = os.waitpid(child, 0)
        texts = []
        for output in outputs:
            output.seek(0)
            texts.append(output.read())
            output.close()
        return Done(os.waitstatus_to_exitcode(status), *texts)

    def _in_child(self, words, outputs):
        status = 70
        try:
            os.environ.clear()
            os.environ.update(self.environment)
            for stream, output in enumerate(outputs, 1):
                os.dup2(output.fileno(), stream)
            sys.stdout = open(1, 'w', closefd=False)
            sys.stderr = open(2, 'w', closefd=False)
            status = cli.main(words)
        except SystemExit as request:  # --help
            status = request.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
