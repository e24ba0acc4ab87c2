"""Tests of `tools/tarn test` from end to end: a fake QEMU plays logs that a guest might give.

What is checked: the stream, the exit status, the files it leaves, and that no guest outlives it.
"""

import os
import signal
import unittest
import xml.etree.ElementTree

from fakes import BASE, LONG, LauncherTest, alive, kernel
from tarnlib import tap

GOOD = '# Tarn\r\n1..3\r\nok 1 - a/one\r\nok 2 - a/two\r\nok 3 - b/three\r\n'
STOP = ('# value block 0x1234\n# *** Fatal System Error: 0x0000000a\n'
        '#    (0x{:016x},0x{:016x},0x{:016x},0x{:016x})\n# IRQL_NOT_LESS_OR_EQUAL\n')
EXPECTED_STOP = STOP.format(0x1234, 2, 0, BASE + 20)


class StreamTest(LauncherTest):
    """Scenarios that pass the guest's own TAP on."""

    def setUp(self):
        super().setUp()
        self.table('quick | --mem 64M | test=* | pass')

    def ended(self, status, text, log, guest_status, *words):
        self.guest(log, guest_status)
        done = self.tarn('test', *words)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        last = done.stdout.strip().split('\n')[-1] if done.stdout else done.stderr
        self.assertIn(text, last)
        return done

    def test_pass(self):
        done = self.ended(0, 'quick: PASS: 3 tests (first TAP line after', GOOD, 33, 'quick')
        self.assertTrue(done.stdout.startswith(GOOD.replace('\r', '')), done.stdout)
        self.assertEqual('quick\ta/one\tok\nquick\ta/two\tok\nquick\tb/three\tok\n',
                         self.read('results', 'quick.tsv'))
        with open(self.path('log/quick.log'), 'rb') as file:
            self.assertEqual(GOOD.encode(), file.read())

    def test_fail(self):
        log = GOOD.replace('ok 2', '# x.c:1: why\r\nnot ok 2')
        self.ended(1, 'FAIL: 1 of 3 tests failed, first a/two', log, 35, 'quick')
        self.assertIn('quick\ta/two\tfail\n', self.read('results', 'quick.tsv'))

    def test_skip_and_known_failure_in_results(self):
        log = GOOD.replace('a/one', 'a/one # SKIP no').replace('ok 2', 'not ok 2').replace(
            'a/two', f'a/two # {tap.KNOWN_FAIL} later')
        self.ended(0, 'PASS', log, 33, 'quick')
        self.assertEqual('quick\ta/one\tskip\nquick\ta/two\tknown-fail\nquick\tb/three\tok\n',
                         self.read('results', 'quick.tsv'))

    def test_bug_check_names_the_test(self):
        log = '1..3\nok 1 - a/one\n' + EXPECTED_STOP
        self.ended(3, 'BUG CHECK in a/two: 0xa (0x1234, 0x2, 0x0', log, 39, 'quick')
        self.assertEqual('quick\ta/one\tok\nquick\ta/two\tfail\n',
                         self.read('results', 'quick.tsv'))

    def test_crash(self):
        self.ended(1, 'CRASH before the plan', '# hello\n', 0, 'quick')

    def test_broken_log(self):
        self.ended(1, 'BROKEN LOG: glued', GOOD.replace('\r\nok 3', 'ok 3'), 33, 'quick')

    def test_cut_log(self):
        self.ended(1, 'CRASH in b/three', GOOD[:-10], 0, 'quick')

    def test_refused(self):
        self.ended(2, 'REFUSED', '# bad word\n', 37, 'quick')

    def test_timeout(self):
        self.qemu('echo 1..3; echo "ok 1 - a/one"; exec sleep 1000')

        def attempt(limit):
            done = self.tarn('test', 'quick', '--timeout', limit)
            self.assertEqual(4, done.returncode)
            return 'TIMEOUT in a/two: killed after ' in done.stdout
        self.assertTrue(self.patiently(attempt))

    def test_stream_is_not_held_back(self):
        self.qemu('echo 1..3', f'while [ ! -e "{self.path("go")}" ]; do sleep 0.02; done',
                  'exit 0')
        process = self.start('test', 'quick')
        self.assertEqual('1..3\n', process.stdout.readline())
        with open(self.path('go'), 'w', encoding='ascii'):
            pass
        self.assertEqual(1, process.wait(LONG))

    def test_firmware_text_is_no_tap(self):
        self.table('quick | --uefi | test=* | pass')
        self.environment['TARN_OVMF'] = self.path('tarn.elf')
        self.environment['PATH'] = self.folder + os.pathsep + os.environ['PATH']
        for tool in ('grub-mkrescue', 'xorriso', 'mformat'):
            with open(self.path(tool), 'w', encoding='ascii') as file:
                file.write('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done; echo > "$2"\n')
            os.chmod(self.path(tool), 0o755)
        done = self.ended(0, 'PASS', '\x1b[2JBdsDxe: loading\r\n\x1b[0mWelcome\n\r' + GOOD, 33,
                          'quick')
        self.assertTrue(done.stdout.startswith('# Tarn\n'), done.stdout)

    def test_some_tests_only(self):
        self.ended(0, 'PASS: 2 tests', '1..2\nok 1 - a/one\nok 2 - a/two\n', 33, 'a/*')
        self.assertFalse(os.path.exists(self.path('results/quick.tsv')))

    def test_unchosen_test_is_an_error(self):
        self.ended(1, 'run but not chosen: b/three', GOOD, 33, 'a/*')

    def test_several_scenarios_highest_status(self):
        self.table('one | | test=* | pass', 'two | | test=* | pass')
        self.qemu('case "$*" in *64*) ;; esac',
                  f'[ -e "{self.path("second")}" ] && exit 0', f': > "{self.path("second")}"',
                  'printf "1..3\\nok 1 - a/one\\nok 2 - a/two\\nnot ok 3 - b/three\\n"; exit 35')
        done = self.tarn('test', 'one', 'two')
        self.assertEqual(1, done.returncode)
        self.assertIn('# tarn: scenario two', done.stdout)
        self.assertIn('two: CRASH', done.stdout)

    def test_junit(self):
        self.guest(GOOD.replace('ok 2', '# x.c:1: <why> & so\nnot ok 2'), 35)
        self.tarn('test', 'quick', '--junit', self.path('junit.xml'))
        suite = xml.etree.ElementTree.parse(self.path('junit.xml')).getroot()[0]
        self.assertEqual(('quick', '3', '1', '0'), (suite.get('name'), suite.get('tests'),
                                                    suite.get('failures'), suite.get('errors')))
        self.assertIn('<why> & so', suite[1][0].text)

    def test_junit_of_a_crash(self):
        self.guest('', 0)
        self.tarn('test', 'quick', '--junit', self.path('junit.xml'))
        suite = xml.etree.ElementTree.parse(self.path('junit.xml')).getroot()[0]
        self.assertEqual('1', suite.get('errors'))


class SummedUpTest(LauncherTest):
    """Scenarios whose single point is the launcher's."""

    def ended(self, status, name, log, guest_status, *texts):
        self.guest(log, guest_status)
        done = self.tarn('test', name)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        lines = done.stdout.strip().split('\n')
        self.assertEqual('1..1', lines[0])
        words = [line for line in lines[1:] if not line.startswith('#')]
        self.assertEqual(1, len(words), done.stdout)
        for text in texts:
            self.assertIn(text, done.stdout)
        return words[0]

    def setUp(self):
        super().setUp()
        self.table('quick | | test=* | pass')

    def test_crash_test(self):
        point = self.ended(0, 'crash/irql/bad', EXPECTED_STOP, 39)
        self.assertEqual('ok 1 - crash/irql/bad', point)
        self.assertEqual('crash/irql/bad\tcrash/irql/bad\tok\n',
                         self.read('results', 'crash-irql-bad.tsv'))

    def test_crash_test_wrong_parameters(self):
        point = self.ended(1, 'crash/irql/bad', STOP.format(0x1235, 2, 1, BASE + 24), 39,
                           'parameter 1: expected $block = 0x1234, got 0x1235',
                           'parameter 3: expected 0x0, got 0x1', 'parameter 4: expected sym:Reader')
        self.assertEqual('not ok 1 - crash/irql/bad', point)

    def test_crash_test_wrong_code(self):
        self.ended(1, 'crash/irql/bad', EXPECTED_STOP.replace('000a', '0050'), 39,
                   'code: expected 0xa, got 0x50')

    def test_crash_test_that_returns(self):
        self.ended(1, 'crash/irql/bad', '# crash test returned without a bug check\n', 35,
                   'expected bugcheck 0xA $block')

    def test_crash_test_that_hangs(self):
        self.table('quick | | test=* | pass')
        self.qemu('exec sleep 1000')
        done = self.tarn('test', 'crash/irql/bad', '--timeout', '0.3')
        self.assertEqual(4, done.returncode)
        self.assertIn('not ok 1 - crash/irql/bad', done.stdout)

    def test_crash_test_that_dies(self):
        self.ended(1, 'crash/irql/bad', '# hello\n', 0, 'CRASH before the plan')

    def test_stop_line_with_a_passing_status(self):
        self.ended(1, 'crash/irql/bad', EXPECTED_STOP, 33, 'but the status is 33')

    def test_expected_bug_check_of_the_table(self):
        self.table('dies | | crash=x | bugcheck 0xA 0x1234 0x2 0x0 not0')
        self.ended(0, 'dies', EXPECTED_STOP, 39)

    def test_other_endings(self):
        hello = '# hello\n'
        for expected, log, status in (('fail', GOOD.replace('ok 1', 'not ok 1'), 35),
                                      ('crash', hello, 0), ('refused', hello, 37),
                                      ('known-fail pass', hello, 0)):
            with self.subTest(expected):
                self.table(f'odd | | test=* | {expected}')
                self.ended(0, 'odd', log, status)

    def test_other_endings_that_do_not_come(self):
        for expected in ('fail', 'crash', 'refused', 'timeout', 'bugcheck 0xA * * * *'):
            with self.subTest(expected):
                self.table(f'odd | | test=* | {expected}')
                self.ended(1, 'odd', GOOD, 33, f'expected {expected}, but: PASS')

    def test_unexpected_bug_check_has_its_status(self):
        self.table('odd | | test=* | refused')
        self.ended(3, 'odd', EXPECTED_STOP, 39)

    def test_known_failure(self):
        self.table('odd | | test=* | known-fail pass')
        point = self.ended(0, 'odd', '# hello\n', 0)
        expected = f'not ok 1 - odd # {tap.KNOWN_FAIL} expected pass, but: CRASH'
        self.assertTrue(point.startswith(expected), point)
        self.assertEqual('odd\todd\tknown-fail\n', self.read('results', 'odd.tsv'))

    def test_known_failure_that_passes_is_red(self):
        self.table('odd | | test=* | known-fail pass')
        self.ended(1, 'odd', GOOD, 33, 'take known-fail out of')

    def test_same_log(self):
        self.table('same | | test=* | same-log')
        self.assertEqual('ok 1 - same', self.ended(0, 'same', GOOD, 33))

    def test_logs_that_differ(self):
        self.table('same | | test=* | same-log')
        self.qemu(f'echo x >> "{self.path("count")}"',
                  f'echo "# run $(wc -l < "{self.path("count")}")"',
                  'printf "1..3\\nok 1 - a/one\\nok 2 - a/two\\nok 3 - b/three\\n"; exit 33')
        done = self.tarn('test', 'same')
        self.assertEqual(1, done.returncode)
        self.assertIn('the logs of two runs differ from line 1 on', done.stdout)
        self.assertIn('not ok 1 - same', done.stdout)


class EndTest(LauncherTest):
    """However it ends, no guest is left behind."""

    def setUp(self):
        super().setUp()
        self.table('quick | | test=* | pass')
        self.qemu(f'echo $$ > "{self.path("pid")}"; echo 1..3; exec sleep 1000')

    def begin(self):
        process = self.start('test', 'quick')
        process.stdout.readline()
        return process, int(self.read('pid'))

    def gone(self, pid):
        self.wait_for(lambda: not alive(pid), 'the end of QEMU')

    def test_signals_end_the_guest(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                process, pid = self.begin()
                process.send_signal(number)
                self.assertEqual(128 + number, process.wait(LONG))
                self.gone(pid)
                self.assertEqual('tarn: stopped\n', process.stderr.read())

    def test_killed_launcher_takes_the_guest_along(self):
        process, pid = self.begin()
        process.kill()
        process.wait()
        self.gone(pid)

    def test_reader_that_leaves(self):
        self.qemu(f'echo $$ > "{self.path("pid")}"', 'while :; do echo "# x"; done')
        process, pid = self.begin()
        process.stdout.close()
        self.assertEqual(1, process.wait(LONG))
        self.gone(pid)

    def test_timeout_ends_the_guest(self):
        def attempt(limit):
            self.tarn('test', 'quick', '--timeout', limit)
            return os.path.exists(self.path('pid')) and self.read('pid')
        self.gone(int(self.patiently(attempt)))


class BenchTest(LauncherTest):
    ROWS = ('# bench\tirql/pair\t12.50\tinstructions\t20\n'
            '# bench\tirql/pair/checked\t30\tinstructions\t\n')

    def test_table_and_file(self):
        self.guest('# Tarn\n' + self.ROWS, 33)
        done = self.tarn('bench')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(self.ROWS.replace('# bench\t', ''), self.read('bench.tsv'))
        self.assertRegex(done.stdout, r'irql/pair +12\.50  instructions +20\n')

    def test_goal_missed_is_shown(self):
        self.guest(self.ROWS.replace('12.50', '21'), 33)
        self.assertIn('over the goal', self.tarn('bench').stdout)

    def test_runs_in_free_mode_by_instructions(self):
        self.qemu(f'echo "$*" > "{self.path("words")}"', 'exit 33')
        self.tarn('bench', 'irql/*')
        for words in ('bench=irql/* mode=free', '-icount shift=0,sleep=off', '-smp 1 '):
            self.assertIn(words, self.read('words'))

    def test_time_passes_on_another_machine(self):
        kernel(self.path('tarn.elf'), benches=['irql/pair', 'ticks/w1'])
        self.qemu(f'echo "$*" >> "{self.path("words")}"',
                  *('case "$*" in *icount*) cat <<E', '# bench\tirql/pair\t1\tx\t', 'E',
                    ';; *) cat <<E', '# bench\tticks/w1\t2\tx\t', 'E', ';; esac'), 'exit 33')
        done = self.tarn('bench')
        self.assertEqual(0, done.returncode, done.stderr)
        counted, timed = self.read('words').splitlines()
        self.assertIn('bench=irql/* mode=free', counted)
        self.assertIn('bench=ticks/* mode=free', timed)
        self.assertNotIn('icount', timed)
        self.assertIn('-smp 2 ', timed)
        self.assertEqual('ticks/w1\t2\tx\t\n', self.read('bench-ticks.tsv'))

    def test_failures(self):
        for log, status, expected, text in (
                ('# Tarn\n', 33, 1, 'irql/pair gave no row'), (self.ROWS, 0, 1, 'CRASH'),
                ('# bench\tirql/pair\tmany\tx\t\n', 33, 1, 'decimal'),
                (self.ROWS * 2, 33, 1, 'two'),
                ('# bench\tirql/pair\t1\tx\n', 33, 1, 'no row of'),
                (EXPECTED_STOP, 39, 3, 'BUG CHECK')):
            with self.subTest(text):
                self.guest(log, status)
                done = self.tarn('bench')
                self.assertEqual(expected, done.returncode)
                self.assertIn(text, done.stderr)

    def test_kernel_without_benches(self):
        kernel(self.path('tarn.elf'), tests=['a/one'])
        self.assertEqual(5, self.tarn('bench').returncode)


if __name__ == '__main__':
    unittest.main()
