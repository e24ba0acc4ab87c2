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
from tarnlib.guest import Guest, preparation
from tarnlib.machine import Machine
from tarnlib.terminal import Terminal

ENTRY = 'KiSystemStartup'
MEMORY = 256 << 20
SOCKET_WAIT = 10.0


def _gdb_words(gdb, kernel, socket, script):
    words = [gdb, '-q', '-ex', 'set confirm off', '-ex', 'set pagination off',
             '-ex', 'set architecture i386:x86-64', '-ex', f'file {kernel.path}',
             '-ex', f'directory {paths.ROOT}',
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
            reason = guest.refusal() or 'it gives no reason'
            raise TarnError(f'QEMU refuses this machine: {reason}')
        time.sleep(0.01)


def _talk(words, limit):
    """Runs gdb on the terminal; its exit status."""
    # Ctrl-C is gdb's from here on. A routine, since what is ignored would be so in gdb as well.
    previous = signal.signal(signal.SIGINT, lambda *_: None)
    with Terminal(), subprocess.Popen(words, preexec_fn=preparation()) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            raise TarnError(f'TIMEOUT: gdb was killed after {limit:g} s',
                            errors.TIMEOUT) from None
        finally:
            process.kill()
            signal.signal(signal.SIGINT, previous)


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
            status = _talk(_gdb_words(gdb, kernel, socket, script), machine.timeout)
    return errors.PASS if status == 0 else errors.FAILED
