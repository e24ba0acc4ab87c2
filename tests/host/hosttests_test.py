"""Tests of how the host's own tests are found, named and cut down."""

import os
import tempfile
import unittest
from unittest import mock

from tarnlib import hosttests
from tarnlib.errors import TarnError

PROGRAM = '''/* sources: a.c */
int main(void)
{
    Point(1, "host/thing/first");
    Point(2, "host/other/not-mine");
    Point(3,
          "host/thing/second");
}
'''
CASES = '''class B:
    def test_last(self): pass
class A:
    def test_two_words(self): pass
    def helper(self): pass
'''
OUTPUT = ['1..3', 'ok 1 - host/thing/first', '# x.c:3: broken', 'not ok 2 - host/thing/second',
          'ok 3 - host/thing/third']


class HostTestsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        patch = mock.patch.object(hosttests, 'FOLDER', self.folder)
        patch.start()
        self.addCleanup(patch.stop)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), 'w', encoding='utf-8') as file:
            file.write(text)

    def test_programs_and_cases_are_modules(self):
        self.write('thing_test.c', PROGRAM)
        self.write('case_test.py', CASES)
        self.write('helper.c', '')
        self.assertEqual(['case', 'thing'], hosttests.modules())

    def test_names_of_a_program_are_its_texts_in_order(self):
        self.write('thing_test.c', PROGRAM)
        self.assertEqual(['host/thing/first', 'host/thing/second'], hosttests.names('thing'))

    def test_names_of_cases_are_its_methods(self):
        self.write('case_test.py', CASES)
        self.assertEqual(['host/case/two-words', 'host/case/last'], hosttests.names('case'))

    def test_two_files_of_one_name_are_refused(self):
        self.write('thing_test.c', PROGRAM)
        self.write('thing_test.py', CASES)
        with self.assertRaisesRegex(TarnError, 'one of thing_test.py and thing_test.c'):
            hosttests.names('thing')

    def test_a_program_that_is_not_built_is_named(self):
        self.write('thing_test.c', PROGRAM)
        with self.assertRaisesRegex(TarnError, 'host/thing_test is not there: run `make'):
            hosttests.command('thing', None)

    def test_chosen_points_are_numbered_anew(self):
        self.assertEqual(['1..1', '# x.c:3: broken', 'not ok 1 - host/thing/second'],
                         list(hosttests.only(['host/thing/second'], OUTPUT)))


if __name__ == '__main__':
    unittest.main()
