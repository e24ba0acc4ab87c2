"""Runs one QEMU: collects what the guest sends, keeps its time limit, and never leaves it behind.

The child dies with us in every case: at the end of the `with` block, on SIGINT, SIGTERM and SIGHUP
(which become exceptions), and through the kernel's parent-death signal if we are killed outright.
"""

import os
import re
import select
import signal
import subprocess
import sys
import time

from tarnlib.errors import TarnError

CHUNK = 1 << 16
PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """A signal asked us to stop. No `except Exception` on the way swallows it."""

    def __init__(self, number):
        super().__init__(number)
        self.status = 128 + number


def _on_signal(number, _frame):
    raise Stopped(number)


def catch_signals():
    """Lets the usual signals unwind the stack, so that guests are ended on the way."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _on_signal)


def preparation(death=signal.SIGTERM, own_group=False):
    """What a child does before exec: it asks for this signal if we die (where that exists)."""
    if not sys.platform.startswith('linux'):
        return os.setpgrp if own_group else None
    import ctypes
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def prepare():
        if own_group:
            os.setpgrp()
        prctl(PR_SET_PDEATHSIG, death)
        if os.getppid() != parent:  # we died before the signal was armed
            os._exit(1)
    return prepare


def follow_parent():
    """Ends this process with the one that started it, however that ends (where that exists)."""
    if sys.platform.startswith('linux'):
        import ctypes
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Guest:
    """A running QEMU, to be used in a `with` block.

    `status` is its exit status once it has ended by itself; `complaints` is what QEMU itself said.
    """

    def __init__(self, words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                 death=signal.SIGKILL, own_group=False):
        """death: the signal it gets if we die; own_group: the terminal's Ctrl-C passes it by."""
        self.status = None
        self.complaints = ''
        self.began = time.monotonic()
        try:
            self.process = subprocess.Popen(words, stdin=stdin, stdout=stdout,
                                            stderr=subprocess.PIPE,
                                            preexec_fn=preparation(death, own_group))
        except OSError as error:
            raise TarnError(f'{words[0]} cannot be started: {error.strerror}') from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def elapsed(self):
        return time.monotonic() - self.began

    def receive(self, limit):
        """The next bytes of the console; b'' at its end, None when elapsed() reached `limit`."""
        pipes = [self.process.stdout, self.process.stderr]
        while True:
            left = limit - self.elapsed()
            ready = select.select(pipes, [], [], left)[0] if left > 0 else []
            if not ready:
                return None
            if self.process.stderr in ready and not self._complaint():
                pipes.remove(self.process.stderr)
            if self.process.stdout in ready:
                return os.read(self.process.stdout.fileno(), CHUNK)

    def _complaint(self):
        data = os.read(self.process.stderr.fileno(), CHUNK)
        self.complaints += data.decode('utf-8', 'replace')
        return data

    def finish(self, limit):
        """Waits for the end; False when elapsed() reached `limit` and it had to be killed."""
        try:
            left = None if limit == float('inf') else max(0.0, limit - self.elapsed())
            self.status = self.process.wait(left)
        except subprocess.TimeoutExpired:
            self.kill()
        while self._complaint():
            pass
        return self.status is not None

    def refusal(self):
        """Why QEMU did not start the machine, or ''. No guest of ours ends with status 1."""
        lines = [line for line in self.complaints.strip().split('\n') if 'warning:' not in line]
        return re.sub(r'^\S*qemu\S*: ', '', lines[0]) if self.status == 1 and lines else ''

    def send(self, data):
        """Types at the console; False when the guest is gone."""
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return True
