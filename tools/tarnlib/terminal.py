"""`tarn run`: a guest on the user's terminal, which is given back as it was whatever happens."""

import fcntl
import os
import signal
import sys

from tarnlib import errors, paths, qemu, verdict
from tarnlib.errors import TarnError
from tarnlib.guest import Guest
from tarnlib.machine import Machine

STATUS = {verdict.ALL_PASSED: errors.PASS, verdict.SOME_FAILED: errors.FAILED,
          verdict.REFUSED: errors.USAGE, verdict.BUG_CHECK: errors.BUGCHECK,
          verdict.QUIT: errors.PASS}
LEFT = b'QEMU: Terminated'  # what QEMU prints at Ctrl-A X
TAIL = 64
MEMORY = 256 << 20
DISK = 256 << 20


class Terminal:
    """Remembers the state of the standard streams, restores it at the end of the `with` block.

    QEMU sets the terminal raw and its streams non-blocking; when it is killed it can't undo that.
    """

    def __enter__(self):
        self.flags = {}
        self.settings = None
        for stream in (0, 1, 2):
            try:
                self.flags[stream] = fcntl.fcntl(stream, fcntl.F_GETFL)
            except OSError:
                pass  # closed by whoever started us
        if os.isatty(0):
            import termios
            self.settings = termios.tcgetattr(0)
        return self

    def __exit__(self, *_):
        if self.settings is not None:
            import termios
            # A background job that sets the terminal would be stopped instead.
            previous = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            termios.tcsetattr(0, termios.TCSANOW, self.settings)
            signal.signal(signal.SIGTTOU, previous)
        for stream, flags in self.flags.items():
            fcntl.fcntl(stream, fcntl.F_SETFL, flags)


def _console(log):
    escaped = log.replace(',', ',,')
    return ('-chardev', f'stdio,id=console,mux=on,signal=off,logfile={escaped}',
            '-serial', 'chardev:console', '-mon', 'chardev=console')


def _tail(log):
    try:
        with open(log, 'rb') as file:
            file.seek(max(0, os.path.getsize(log) - TAIL))
            return file.read()
    except OSError:
        return b''


def _status(guest, ended, machine, log):
    """The exit status, after a line on standard error where the end was no normal one."""
    def tell(text):
        print(f'tarn: {text} ({paths.shown(log)})', file=sys.stderr)
    if not ended:
        tell(f'TIMEOUT: killed after {machine.timeout:g} s')
        return errors.TIMEOUT
    if guest.refusal():
        raise TarnError(f'QEMU refuses this machine: {guest.refusal()}')
    if guest.status in STATUS:
        return STATUS[guest.status]
    if guest.status == 0 and LEFT in _tail(log):
        return errors.PASS
    why = 'the guest reset or switched off' if guest.status == 0 else f'status {guest.status}'
    tell(f'CRASH: {why} without a verdict')
    return errors.FAILED


def _check_input(machine):
    """Only typing leaves the prompt, and what is piped in comes before the kernel listens."""
    words = machine.cmdline.split()
    prompts = not words or 'prompt' in words
    if prompts and not machine.iso and not machine.timeout and not os.isatty(0):
        raise TarnError('standard input is no terminal, so nobody could leave the prompt: say '
                        "what to run with --cmdline 'test=*', or use tools/tarn test", errors.USAGE)


def run(options, log):
    machine = Machine({'mem': MEMORY, 'disk': (DISK,)}, options)
    log = log or paths.log('run')
    try:
        with open(log, 'wb'):
            pass  # a log of an earlier run says nothing about this one
    except OSError as error:
        raise TarnError(f'--log {log}: {error.strerror}', errors.USAGE) from None
    words = qemu.command(machine, 'run', _console(log))
    _check_input(machine)
    with Terminal(), Guest(words, stdin=None, stdout=None, death=signal.SIGTERM) as guest:
        ended = guest.finish(machine.timeout or float('inf'))
    return _status(guest, ended, machine, log)
