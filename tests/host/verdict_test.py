"""Tests of the verdict: how a guest ended, from its exit status and its log together, and of the
comparison of a bug check with what a crash test expects.
"""

import unittest

from tarnlib import bugcheck, tap, verdict

NAMES = ['a/one', 'a/two', 'b/three']
PASSING = ['1..3', 'ok 1 - a/one', 'ok 2 - a/two', 'ok 3 - b/three']
FAILING = ['1..3', 'ok 1 - a/one', 'not ok 2 - a/two', 'ok 3 - b/three']
STOP = ['# *** Fatal System Error: 0x00000050',
        '#    (0x0000000000001000,0x0000000000000001,0x0000000000000002,0x0000000000000003)']


def judge(lines, status, names=NAMES, complaints=''):
    return verdict.judge(tap.parse(lines), verdict.End(status, 1.5, complaints), names)


class VerdictTest(unittest.TestCase):
    def ended(self, kind, text, lines, status, **keywords):
        result = judge(lines, status, **keywords)
        self.assertEqual(kind, result.kind, result)
        self.assertIn(text, result.text)
        self.assertNotIn('\n', result.text)
        return result

    def test_pass(self):
        self.assertEqual(0, self.ended('pass', 'PASS: 3 tests', PASSING, 33).status)

    def test_fail(self):
        result = self.ended('fail', '1 of 3 tests failed, first a/two', FAILING, 35)
        self.assertEqual(1, result.status)

    def test_pass_status_with_a_failure(self):
        result = self.ended('broken', 'says that all passed, but 1 failed', FAILING, 33)
        self.assertEqual(1, result.status)

    def test_fail_status_without_a_failure(self):
        self.ended('broken', 'says that a test failed, but none did', PASSING, 35)

    def test_no_plan(self):
        self.ended('broken', 'no plan', ['# hello'], 33)

    def test_missing_points(self):
        self.ended('broken', 'missing points: 1 of 3 (3)', PASSING[:-1], 33)

    def test_error_of_the_log(self):
        self.ended('broken', 'text after the last point', PASSING + ['z'], 33)

    def test_chosen_but_not_run(self):
        self.ended('broken', 'chosen but not run: c/four', PASSING, 33, names=NAMES + ['c/four'])

    def test_run_but_not_chosen(self):
        self.ended('broken', 'run but not chosen: b/three', PASSING, 33, names=NAMES[:2])

    def test_crash_without_a_plan(self):
        result = self.ended('crash', 'CRASH before the plan: the guest reset', ['# hello'], 0)
        self.assertEqual(1, result.status)

    def test_crash_in_a_test(self):
        self.ended('crash', 'CRASH in a/two: the guest reset', PASSING[:2], 0)

    def test_crash_after_the_last_test(self):
        self.ended('crash', 'CRASH after the last test', PASSING, 0)

    def test_crash_of_qemu(self):
        self.ended('crash', 'killed by signal 11', PASSING[:1], -11)
        self.ended('crash', 'QEMU ended with status 1 (no such option)', [], 1,
                   complaints='a\nno such option\n')

    def test_quit_is_no_verdict(self):
        self.ended('crash', 'the guest quit without a verdict', PASSING, 41)

    def test_refused(self):
        self.assertEqual(2, self.ended('refused', 'command line', [], 37).status)

    def test_timeout(self):
        result = self.ended('timeout', 'TIMEOUT in b/three: killed after 1.5 s', PASSING[:3], None)
        self.assertEqual(4, result.status)

    def test_timeout_before_the_plan(self):
        self.ended('timeout', 'TIMEOUT before the plan', [], None)

    def test_bug_check_in_a_test(self):
        result = self.ended('bugcheck', 'BUG CHECK in a/two: 0x50 (0x1000, 0x1, 0x2, 0x3)',
                            PASSING[:2] + STOP, 39)
        self.assertEqual(3, result.status)

    def test_bug_check_in_a_test_of_unknown_order(self):
        self.ended('bugcheck', 'in the test after a/one', PASSING[:2] + STOP, 39, names=None)
        self.ended('bugcheck', 'in the first test', PASSING[:1] + STOP, 39, names=None)

    def test_bug_check_status_without_a_stop_line(self):
        result = self.ended('bugcheck', 'without a stop line', PASSING[:2], 39)
        self.assertIn('no stop line', result.details[0])

    def test_stop_line_with_another_status(self):
        for status in (33, 35, 0):
            with self.subTest(status):
                result = self.ended('bugcheck', '0x50', PASSING[:2] + STOP, status)
                self.assertIn(f'the status is {status}', result.details[0])

    def test_in_progress(self):
        self.assertEqual('a/two', verdict.test_in_progress(tap.parse(PASSING[:2]), NAMES))
        self.assertIsNone(verdict.test_in_progress(tap.parse(PASSING), NAMES))
        self.assertIsNone(verdict.test_in_progress(tap.parse([]), NAMES))


class ExpectationTest(unittest.TestCase):
    STOP = bugcheck.BugCheck(0xa, (0x1000, 2, 0, 0x8010))

    def compare(self, expected, values=None):
        return bugcheck.compare(expected, self.STOP, values or {'block': 0x1000},
                                lambda name: [(0x8000, 0x8020)] if name == 'Reader' else [])

    def differs(self, text, expected):
        lines = self.compare(expected)
        self.assertEqual(1, len(lines), lines)
        self.assertIn(text, lines[0])

    def test_fits(self):
        for expected in ('0xA 0x1000 0x2 0x0 0x8010', '0xA $block 0x2 0x0 sym:Reader',
                         '0x0000000a * * * *', '0xA not0 not0 0x0 not0'):
            with self.subTest(expected):
                self.assertEqual([], self.compare(expected))

    def test_wrong_code(self):
        self.differs('code: expected 0x50, got 0xa', '0x50 * * * *')

    def test_wrong_parameters(self):
        for number in range(1, 5):
            words = ['*'] * 4
            words[number - 1] = '0x77'
            with self.subTest(number):
                self.differs(f'parameter {number}: expected 0x77', '0xA ' + ' '.join(words))

    def test_all_differences_are_told(self):
        self.assertEqual(3, len(self.compare('0x50 0x1 0x3 0x0 *')))

    def test_not_zero(self):
        self.differs('parameter 3: expected anything but 0, got 0x0', '0xA * * not0 *')

    def test_announced_value(self):
        self.differs('parameter 2: expected $block = 0x1000, got 0x2', '0xA * $block * *')

    def test_value_never_announced(self):
        self.differs('the guest never announced `other`', '0xA $other * * *')

    def test_symbol(self):
        self.differs('expected sym:Reader = 0x8000..0x801f, got 0x1000', '0xA sym:Reader * * *')

    def test_unknown_symbol(self):
        self.differs('the kernel has no symbol Gone', '0xA * * * sym:Gone')

    def test_bad_expectation(self):
        for expected in ('', '0xA * * *', '0xA * * * * *', '10 * * * *', '0xA * * * 2',
                         '* * * * *', '0xA * * * sym:'):
            with self.subTest(expected):
                self.differs('expectation', expected)

    def test_no_parameters(self):
        stop = bugcheck.BugCheck(0xa, ())
        self.assertEqual(1, len(bugcheck.compare('0xA * * * *', stop, {}, lambda name: [])))


if __name__ == '__main__':
    unittest.main()
