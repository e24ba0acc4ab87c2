"""Tests of tools/conformance: each way in which the table and the tests can drift apart."""

import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True


def load_tool():
    path = os.path.join(ROOT, 'tools', 'conformance')
    loader = importlib.machinery.SourceFileLoader('conformance', path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('conformance', loader))
    loader.exec_module(module)
    return module


conformance = load_tool()
Test = conformance.Test

HEAD = '''# A table

Milestone reached: 1 of 6 (boot)

| id | sentence | held by |
| --- | --- | --- |
'''
GOOD_ROWS = ['| APP-1 | Blocks are aligned. | pool/align, crash/pool/bad |',
             '| APP-2 | The tag is four characters. | pool/tag; milestone 3 of 6 (pools): quota |',
             '| APP-3 | There is a user mode. | not applicable: there is none; really |',
             '| WMC-1 | Drivers come later. | milestone 5 of 6 (drivers) |',
             '| WMC-2 | The tool says so. | host/tool/says-so |']
TESTS = [Test('pool/align', 'APP-1 Blocks are aligned.'),
         Test('pool/tag', 'APP-2 The tag is four characters.'),
         Test('crash/pool/bad', 'POOL-3 an invariant'), Test('ke/other', '')]
OUTCOMES = {'pool/align': {'ok'}, 'pool/tag': {'skip'}, 'crash/pool/bad': {'ok'},
            'host/tool/says-so': {'ok'}}


class Conformance(unittest.TestCase):
    def check(self, rows=None, tests=None, outcomes=None):
        text = HEAD + '\n'.join(rows or GOOD_ROWS) + '\n'
        return conformance.check(text, TESTS if tests is None else tests,
                                 OUTCOMES if outcomes is None else outcomes)

    def one(self, word, **arguments):
        errors = self.check(**arguments)
        self.assertEqual(1, len(errors), errors)
        self.assertIn(word, errors[0])

    def test_sound_table(self):
        self.assertEqual([], self.check())

    def test_summary(self):
        rows = conformance.parse_table(HEAD + '\n'.join(GOOD_ROWS))
        self.assertEqual('conformance: 5 sentences, 3 held by tests, 1 planned, 1 not applicable',
                         conformance.summary(rows))

    def test_row_without_holder(self):
        for holder in ('', 'somebody', 'milestone 7 of 6 (x)', 'milestone 3 of 6 (paging)'):
            rows = GOOD_ROWS + [f'| WMC-3 | Nobody cares. | {holder} |']
            self.one('WMC-3', rows=rows)

    def test_row_left_to_a_reached_milestone(self):
        self.one('has been reached', rows=GOOD_ROWS + ['| WMC-3 | It. | milestone 1 of 6 (boot) |'])

    def test_numbers(self):
        self.one('out of order', rows=GOOD_ROWS + ['| WMC-4 | It. | milestone 6 of 6 (KMDF) |'])
        self.one('out of order', rows=GOOD_ROWS + ['| WMC-2 | It. | milestone 6 of 6 (KMDF) |'])

    def test_sentence_must_fit_a_string(self):
        for sentence in ('It is "so".', 'It is \\ so.', 'It is s\u00f6.', ''):
            row = f'| WMC-3 | {sentence} | milestone 6 of 6 (KMDF) |'
            self.one('C string', rows=GOOD_ROWS + [row])

    def test_milestone_line(self):
        errors = conformance.check(HEAD.replace('reached', 'past') + GOOD_ROWS[2], [], {})
        self.assertIn('Milestone reached', errors[0])

    def test_named_test_does_not_exist(self):
        self.one('does not exist', rows=GOOD_ROWS + ['| WMC-3 | It. | pool/none |'])

    def test_named_test_did_not_run(self):
        self.one('did not run', rows=GOOD_ROWS + ['| WMC-3 | It. | ke/other |'],
                 tests=TESTS[:3] + [Test('ke/other', 'WMC-3 It.')])

    def test_named_test_failed(self):
        for outcome in ('fail', 'known-fail', 'nonsense'):
            self.one(outcome, outcomes={**OUTCOMES, 'pool/align': {outcome}})
        self.one('fail', outcomes={**OUTCOMES, 'pool/align': {'ok', 'fail'}})

    def test_quote_with_other_words(self):
        self.one('Blocks are round.', tests=[Test('pool/align', 'APP-1 Blocks are round.')]
                 + TESTS[1:])

    def test_quote_of_an_unknown_row(self):
        self.one('not in the table', tests=TESTS + [Test('ke/new', 'APP-9 It.')])

    def test_row_does_not_name_the_test_that_quotes_it(self):
        self.one('name the test', tests=TESTS + [Test('ke/new', 'APP-1 Blocks are aligned.')])

    def test_row_that_none_of_its_tests_quotes(self):
        self.one('quotes it', tests=[Test('pool/align', '')] + TESTS[1:])

    def test_two_rows_in_one_quote(self):
        rows = GOOD_ROWS + ['| WMC-3 | It. | pool/align |']
        quote = 'APP-1 Blocks are aligned. || WMC-3 It.'
        self.assertEqual([], self.check(rows=rows, tests=[Test('pool/align', quote)] + TESTS[1:]))
        self.one('WMC-3', rows=rows)

    def test_results_from_files(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, 'a.tsv'), 'w', encoding='utf-8') as file:
                file.write('quick\tpool/align\tok\ncrash/pool/bad\t-\tok\n')
            with open(os.path.join(folder, 'b.tsv'), 'w', encoding='utf-8') as file:
                file.write('iso\tpool/align\tfail\n')
            outcomes = conformance.read_outcomes(folder)
        self.assertEqual({'ok', 'fail'}, outcomes['pool/align'])
        self.assertEqual({'ok'}, outcomes['crash/pool/bad'])


class TheTableItself(unittest.TestCase):
    def test_fill_writes_who_quotes_and_keeps_the_rest(self):
        rows = ['| APP-1 | Blocks are aligned. | milestone 1 of 6 (boot) |',
                GOOD_ROWS[1].replace('pool/tag', 'old/name'), *GOOD_ROWS[2:]]
        filled = conformance.fill(HEAD + '\n'.join(rows), TESTS)
        self.assertEqual(['| APP-1 | Blocks are aligned. | pool/align |', *GOOD_ROWS[1:]],
                         filled[len(HEAD):].split('\n'))

    def test_rows_are_sound(self):
        with open(os.path.join(ROOT, 'docs', 'conformance.md'), encoding='utf-8') as file:
            text = file.read()
        rows = conformance.parse_table(text)
        self.assertGreaterEqual(len(rows), 175)
        errors = [error for error in conformance.check_rows(rows, text)
                  if 'has been reached' not in error]
        self.assertEqual([], errors)


if __name__ == '__main__':
    unittest.main()
