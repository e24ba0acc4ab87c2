"""`tarn debug`: QEMU with its gdbstub, and gdb stopped at the kernel's 64-bit entry.

They talk over a unix socket, so that no port can be taken already. The guest's serial line goes to
build/debug.log; Ctrl-C in gdb stops the guest, leaving gdb ends it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

from tarnlib import errors, paths, qemu
from tarnlib.errors import TarnError
from tarnlib.guest import Guest
from tarnlib.machine import Machine

ENTRY = 'KiSystemStartup'
MEMORY = 256 << 20
SOCKET_WAIT = 10.0


def _gdb_words(gdb, kernel, socket, script):
    words = [gdb, '-q', '-ex', 'set confirm off', '-ex', 'set pagination off',
             '-ex', 'set architecture i386:x86-64', '-ex', f'file {kernel.path}',
             '-ex', f'target remote {socket}', '-ex', f'hbreak {ENTRY}', '-ex', 'continue',
             '-ex', 'delete breakpoints']
    if script:
        words += ['-batch', '-x', script]
    return words


def _await(socket, guest):
    limit = time.monotonic() + SOCKET_WAIT
    while not os.path.exists(socket):
        if guest.process.poll() is not None or time.monotonic() > limit:
            guest.finish(0)
            raise TarnError('QEMU did not start: '
                            + (guest.complaints.strip() or 'no reason given'))
        time.sleep(0.01)


def run(options, script, kernel):
    gdb = paths.tool('gdb', 'test')
    if not kernel.extents(ENTRY):
        raise TarnError(f'{paths.shown(kernel.path)} has no symbol {ENTRY}: run `make clean all`')
    if script and not os.path.isfile(script):
        raise TarnError(f'--script {script}: no such file', errors.USAGE)
    machine = Machine({'mem': MEMORY}, options)
    log = paths.build('debug.log')
    print(f'tarn: the serial line goes to {paths.shown(log)}', file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        socket = os.path.join(folder, 'gdb')
        escaped = log.replace(',', ',,')
        words = qemu.command(machine, 'debug', ('-serial', f'file:{escaped}'))
        words += ['-S', '-chardev', f'socket,id=gdb,path={socket},server=on,wait=off',
                  '-gdb', 'chardev:gdb']
        with Guest(words, own_group=True) as guest:
            _await(socket, guest)
            # Ctrl-C belongs to gdb from here on.
            previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                process = subprocess.Popen(_gdb_words(gdb, kernel, socket, script),
                                           preexec_fn=lambda: signal.signal(signal.SIGINT,
                                                                            signal.SIG_DFL))
                status = process.wait(machine.timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise TarnError(f'TIMEOUT: gdb was killed after {machine.timeout:g} s',
                                errors.TIMEOUT) from None
            finally:
                signal.signal(signal.SIGINT, previous)
    return errors.PASS if status == 0 else errors.FAILED
