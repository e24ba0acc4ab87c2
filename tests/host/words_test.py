"""Boots the kernel with hostile command lines: a clear line, the right status, and never a hang.

A word that names nothing is refused, so that a typing error never looks like a run that passed.
"""

import unittest

from tarnlib import runner, verdict
from tarnlib.machine import Machine

PATIENCE = 60.0  # seconds
ONE = 'boot/constants-are-read-only'
LONGEST = 1023   # BOOT_COMMAND_LINE_SIZE of kernel/ke/bootinfo.h without the NUL


class WordsTest(unittest.TestCase):
    def boot(self, words, **options):
        """(QEMU's status, what the guest said)."""
        machine = Machine({'timeout': PATIENCE}, options, {'cmdline': words})
        lines = []
        run = runner.boot(machine, 'words', lines.append)
        return run.end.status, '\n'.join(lines)

    def each(self, status, *cases, **options):
        """cases: (words, text that the guest must print)."""
        for words, text in cases:
            with self.subTest(words):
                ended, said = self.boot(words, **options)
                self.assertEqual(status, ended, said)
                self.assertIn(text, said)

    def test_names_of_nothing_are_refused(self):
        self.each(verdict.REFUSED, ('test=nope', "nothing has the name 'nope' of test="),
                  (f'test={ONE},nope/*', "'nope/*' of test="), ('test=', "'' of test="),
                  ('test', "'' of test="), (f'test={ONE},', "'' of test="),
                  ('quiet test=nope', "'nope' of test="), ('crash=nope', "'nope' of crash="),
                  ('crash=', "'' of crash="), ('bench=nope', "'nope' of bench="),
                  (f'test={ONE} crash=nope', "'nope' of crash="))

    def test_strange_words_are_reported(self):
        self.each(verdict.ALL_PASSED,
                  (f'colour=blue test={ONE}', "nobody knows the word 'colour=blue'"),
                  (f'= test={ONE}', "nobody knows the word '='"),
                  (f'TEST=x test={ONE}', "nobody knows the word 'TEST=x'"),
                  (f'mode=fast test={ONE}', 'mode=fast is neither free nor checked'),
                  (f'loglevel=x test={ONE}', 'loglevel=x is no number'))

    def test_the_last_of_two_equal_words_counts(self):
        self.each(verdict.ALL_PASSED, (f'test=irql/* test={ONE}', f'1..1\nok 1 - {ONE}'),
                  (f'mode=free mode=checked test={ONE}', 'mode is there twice'))
        self.assertIn('checked mode', self.boot(f'mode=free mode=checked test={ONE}')[1])

    def test_as_many_words_as_fit(self):
        words = f'test={ONE}'
        words = 'w ' * ((LONGEST - len(words)) // 2) + words
        self.each(verdict.ALL_PASSED, (words, f'1..1\nok 1 - {ONE}'))

    def test_longest_line(self):
        words = f'test={ONE} '
        fits = words + 'x' * (LONGEST - len(words))
        for road in ({}, {'iso': ''}):
            self.each(verdict.ALL_PASSED, (fits, f'1..1\nok 1 - {ONE}'), **road)
            self.each(verdict.REFUSED, (fits + 'x', 'the command line is longer than 1023'),
                      **road)

    def test_grub(self):
        self.each(verdict.REFUSED, ('test=nope', "nothing has the name 'nope' of test="), iso='')
        self.each(verdict.ALL_PASSED, (f"it's $x \\ \"a;b\" test={ONE}", f'1..1\nok 1 - {ONE}'),
                  iso='')


if __name__ == '__main__':
    unittest.main()
