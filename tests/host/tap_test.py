"""Tests of the strict log parser: every way in which a log can be broken, each with its line."""

import unittest

from tarnlib import tap
from tarnlib.lines import LineReader

GOOD = ['# Tarn', '1..3', '# a log line', 'ok 1 - a/one', '# x.c:7: 1 == 2', 'not ok 2 - a/two',
        'ok 3 - b/three # SKIP no disk', '# done']


class TapTest(unittest.TestCase):
    def errors(self, *lines, rest=''):
        return tap.parse(lines, rest).errors

    def one(self, kind, *lines, rest=''):
        """Exactly one flaw, of that kind."""
        errors = self.errors(*lines, rest=rest)
        self.assertEqual(1, len(errors), errors)
        self.assertEqual(kind, errors[0].split(':')[0])
        return errors[0]

    def test_good_log(self):
        report = tap.parse(GOOD)
        self.assertEqual([], report.errors)
        self.assertEqual(3, report.plan)
        self.assertEqual([('a/one', 'ok'), ('a/two', 'fail'), ('b/three', 'skip')],
                         [(point.name, point.outcome) for point in report.points])
        self.assertEqual([], report.missing())
        self.assertEqual(['# x.c:7: 1 == 2'], report.diagnostics['a/two'])

    def test_known_failure(self):
        report = tap.parse(['1..2', f'not ok 1 - a # {tap.KNOWN_FAIL} later',
                            f'ok 2 - b # {tap.KNOWN_FAIL} later'])
        self.assertEqual([], report.errors)
        self.assertEqual(['known-fail', 'ok'], [point.outcome for point in report.points])
        self.assertEqual([], report.failed())
        self.assertIn('b passes although', report.notes[0])

    def test_failure_cannot_be_skipped(self):
        report = tap.parse(['1..1', 'not ok 1 - a # SKIP no'])
        self.assertEqual('fail', report.points[0].outcome)

    def test_no_plan(self):
        self.one('no plan', 'ok 1 - a', 'ok 2 - b')

    def test_late_plan(self):
        self.assertEqual(['no plan', 'late plan'],
                         [one.split(':')[0] for one in self.errors('ok 1 - a', '1..1')])

    def test_second_plan(self):
        self.one('second plan', '1..1', 'ok 1 - a', '1..1')

    def test_cut_in_the_middle(self):
        report = tap.parse(['1..3', 'ok 1 - a'], 'ok 2 - pool/nonp')
        self.assertEqual(['cut line: line 3: the log ends inside `ok 2 - pool/nonp`'],
                         report.errors)
        self.assertEqual([2, 3], report.missing())

    def test_missing_points(self):
        report = tap.parse(['1..4', 'ok 1 - a', 'ok 3 - c'])
        self.assertEqual([2, 4], report.missing())
        self.assertEqual(['out of order: line 3: point 3 (c) comes after point 1'], report.errors)

    def test_duplicate_number(self):
        self.one('duplicate number', '1..2', 'ok 1 - a', 'ok 1 - b')

    def test_duplicate_name(self):
        self.one('duplicate name', '1..2', 'ok 1 - a', 'ok 2 - a')

    def test_out_of_order(self):
        error = self.one('out of order', '1..2', 'ok 2 - b', 'ok 1 - a')
        self.assertIn('line 2', error)
        self.assertIn('and 1 more of that kind', error)

    def test_beyond_the_plan(self):
        self.one('beyond the plan', '1..1', 'ok 1 - a', 'ok 2 - b')

    def test_glued_to_a_comment(self):
        self.one('glued', '1..2', 'ok 1 - a', '# a driver printsok 2 - b')

    def test_comment_that_looks_like_a_point(self):
        self.assertEqual([], self.errors('1..1', '# not ok 1 - forged', '# 1..0', 'ok 1 - a'))

    def test_glued_before(self):
        self.one('glued', '1..2', 'ok 1 - a', 'Hello ok 2 - b')

    def test_glued_after(self):
        self.one('glued', '1..2', 'ok 1 - a', 'ok 2 - b# DbgPrint without a line end')

    def test_two_points_in_a_line(self):
        self.one('glued', '1..2', 'ok 1 - aok 2 - b')

    def test_plan_glued(self):
        self.assertEqual('glued', self.errors('# Tarn 1..2', 'ok 1 - a')[0].split(':')[0])

    def test_text_without_prefix(self):
        self.one('stray text', '1..1', 'hello', 'ok 1 - a')

    def test_empty_line(self):
        self.one('stray text', '1..1', '', 'ok 1 - a')

    def test_text_after_the_last_point(self):
        self.one('text after the last point', '1..1', 'ok 1 - a', 'tarn> ')

    def test_nul_byte(self):
        self.assertIn('0x00 in `# a\\x00b`', self.one('garbage byte', '1..1', '# a\0b', 'ok 1 - a'))

    def test_garbage_bytes(self):
        self.one('garbage byte', '1..1', '# \xff\xfe', '# \xe4', 'ok 1 - a')

    def test_carriage_return_inside(self):
        self.one('garbage byte', '1..1', '# a\rb', 'ok 1 - a')

    def test_bail_out(self):
        self.assertIn('no memory', self.one('bail out', '1..1', 'Bail out! no memory'))

    def test_malformed_points(self):
        for line in ('ok', 'ok 1', 'ok 1 a', 'okay 1 - a', 'ok 1 - ', 'ok 1 - a b', 'Ok 1 - a',
                     ' ok 1 - a', 'ok 1 - a # skip', 'ok 1 - a # SKIPPED'):
            with self.subTest(line):
                self.assertEqual(1, len(self.errors('1..1', line)))

    def test_announced_values(self):
        report = tap.parse(['# value block 0xFFFF800000001000', '# value n 0x1F'])
        self.assertEqual({'block': 0xffff800000001000, 'n': 31}, report.values)

    def test_bug_check(self):
        report = tap.parse([
            '# *** Fatal System Error: 0x0000000a',
            '#                        (0xFFFFF98000000000,0x0000000000000002,'
            '0x0000000000000000,0xFFFFFFFF80001234)', '# IRQL_NOT_LESS_OR_EQUAL'])
        self.assertEqual([], report.errors)
        self.assertEqual((0xa, (0xfffff98000000000, 2, 0, 0xffffffff80001234)), report.stop)

    def test_bug_check_without_parameters(self):
        report = tap.parse(['# *** Fatal System Error: 0x0000000a', '# something else'])
        self.assertEqual('bug check', report.errors[0].split(':')[0])
        self.assertEqual((), report.stop.parameters)

    def test_first_bug_check_counts(self):
        stop = '# *** Fatal System Error: 0x000000{}'
        row = '#  (' + ','.join(['0x0000000000000000'] * 4) + ')'
        report = tap.parse([stop.format('50'), row, stop.format('0a'), row])
        self.assertEqual(0x50, report.stop.code)


class LinesTest(unittest.TestCase):
    def test_lines_in_pieces(self):
        reader = LineReader()
        self.assertEqual([], reader.feed(b'1.'))
        self.assertEqual(['1..2', 'ok 1 - a'], reader.feed(b'.2\r\nok 1 - a\nok'))
        self.assertEqual('ok', reader.finish())

    def test_every_byte_survives(self):
        self.assertEqual([bytes(range(11, 256)).decode('latin-1')],
                         LineReader().feed(bytes(range(11, 256)) + b'\n'))

    def test_firmware_text_is_left_out(self):
        reader = LineReader(firmware=True)
        lines = reader.feed(b'\x1b[2J\x1b[01;01HBdsDxe: loading Boot0001\r\n\x1b[0mWelcome\n\r'
                            b'\x1b[37m\x1b[40m# Tarn\n1..1\nstray\n')
        self.assertEqual(['# Tarn', '1..1', 'stray'], lines)
        self.assertEqual(['BdsDxe: loading Boot0001', 'Welcome'], reader.prelude)

    def test_firmware_text_alone(self):
        reader = LineReader(firmware=True)
        reader.feed(b'BdsDxe: failed\r\n')
        reader.feed(b'Shell> ')
        self.assertEqual('', reader.finish())
        self.assertEqual(['BdsDxe: failed', 'Shell> '], reader.prelude)

    def test_direct_boot_has_no_prelude(self):
        self.assertEqual(['Booting', '1..1'], LineReader().feed(b'Booting\n1..1\n'))


if __name__ == '__main__':
    unittest.main()
