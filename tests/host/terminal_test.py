"""Tests of `tools/tarn run` on a terminal: its statuses, its log, and the terminal afterwards."""

import os
import pty
import signal
import subprocess
import sys
import termios
import unittest

from fakes import LONG, PROGRAM, LauncherTest, as_a_user

# The fake QEMU keeps the log as the real one does, and leaves the terminal raw, as one that is
# killed does.
LOG = 'log=$(expr "$*" : ".*logfile=\\([^ ]*\\)")'
RAW = 'stty raw -echo'


class TerminalTest(LauncherTest):
    def run_on_terminal(self, *words, during=None):
        """(exit status, what the terminal showed); fails unless the terminal is as it was."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        before = termios.tcgetattr(slave)
        flags = os.get_blocking(slave)
        process = subprocess.Popen([sys.executable, PROGRAM, 'run', *words], stdin=slave,
                                   stdout=slave, stderr=slave, env=self.environment,
                                   start_new_session=True, preexec_fn=as_a_user())
        if during:
            during(process)
        status = process.wait(LONG)
        self.assertEqual(before, termios.tcgetattr(slave))
        self.assertEqual(flags, os.get_blocking(slave))
        os.close(slave)
        shown = b''
        try:
            while True:
                data = os.read(master, 65536)
                if not data:
                    break
                shown += data
        except OSError:
            pass  # the other side is closed: that is all
        return status, shown.decode('latin-1')

    def test_statuses(self):
        for status, expected in ((33, 0), (35, 1), (37, 2), (39, 3), (41, 0)):
            with self.subTest(status):
                self.qemu(RAW, f'exit {status}')
                self.assertEqual(expected, self.run_on_terminal()[0])

    def test_leaving_is_no_crash(self):
        self.qemu(LOG, 'printf "tarn> QEMU: Terminated\\n\\r" > "$log"', 'exit 0')
        status, shown = self.run_on_terminal()
        self.assertEqual(0, status, shown)

    def test_crash(self):
        self.qemu(RAW, 'exit 0')
        status, shown = self.run_on_terminal()
        self.assertEqual(1, status)
        self.assertIn('CRASH: the guest reset or switched off without a verdict', shown)

    def test_an_old_log_tells_nothing(self):
        os.makedirs(self.path('log'))
        with open(self.path('log/run.log'), 'w', encoding='ascii') as file:
            file.write('QEMU: Terminated\n')
        self.qemu('exit 0')
        self.assertEqual(1, self.run_on_terminal()[0])

    def test_timeout(self):
        self.qemu(RAW, f'echo $$ > "{self.path("pid")}"', 'exec sleep 1000')

        def attempt(limit):
            status, shown = self.run_on_terminal('--timeout', limit)
            self.assertEqual(4, status)
            self.assertIn(f'TIMEOUT: killed after {limit} s', shown)
            return os.path.exists(self.path('pid')) and self.read('pid')
        pid = self.patiently(attempt)
        with self.assertRaises(ProcessLookupError):
            os.kill(int(pid), 0)

    def test_signals(self):
        def stop(number):
            def during(process):
                self.wait_for(lambda: os.path.exists(self.path('raw')), 'a raw terminal')
                process.send_signal(number)
            return during
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(number):
                self.qemu(RAW, f': > "{self.path("raw")}"', 'exec sleep 1000')
                self.assertEqual(128 + number, self.run_on_terminal(during=stop(number))[0])
                os.unlink(self.path('raw'))

    def test_log_file(self):
        self.qemu(LOG, 'echo hello > "$log"', 'exit 33')
        self.assertEqual(0, self.run_on_terminal('--log', self.path('mine'))[0])
        self.assertEqual('hello\n', self.read('mine'))

    def test_qemu_that_does_not_start(self):
        self.qemu('echo "qemu: no such machine" >&2', 'exit 1')
        status, shown = self.run_on_terminal()
        self.assertEqual(5, status)
        self.assertIn('tarn: QEMU refuses this machine: no such machine', shown)

    def test_without_a_terminal(self):
        self.qemu('echo hello', 'exit 33')
        done = self.tarn('run', '--cmdline', 'test=*')
        self.assertEqual((0, 'hello\n'), (done.returncode, done.stdout))


if __name__ == '__main__':
    unittest.main()
