"""Runs one file of host tests and prints TAP, for prove and for tools/tarn test.

    python3 tests/host/run.py MODULE [NAME...]      MODULE_test.py, all or these of its tests
"""

import contextlib
import io
import os
import sys
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(os.path.dirname(os.path.dirname(HERE)), 'tools')]

from tarnlib import hosttests  # noqa: E402


class TapResult(unittest.TestResult):
    """Prints one point a test; what a test printed, and why it failed, go before its point."""

    def __init__(self, name_of):
        super().__init__()
        self.name_of = name_of
        self.out = sys.stdout
        self.number = 0
        self.problems = []
        self.skipped_for = None

    def startTest(self, test):
        super().startTest(test)
        self.problems, self.skipped_for = [], None

    def addError(self, test, err):
        super().addError(test, err)
        self.problems.append(err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.problems.append(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.problems.append(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skipped_for = reason

    def point(self, test, printed):
        self.number += 1
        for error in self.problems:
            printed += ''.join(traceback.format_exception(*error))
        if self.problems:
            for line in printed.rstrip().split('\n'):
                print(f'# {line}'.rstrip(), file=self.out)
        word = 'not ok' if self.problems else 'ok'
        suffix = f' # SKIP {self.skipped_for}' if self.skipped_for else ''
        print(f'{word} {self.number} - {self.name_of(test)}{suffix}', file=self.out, flush=True)


def flatten(suite):
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from flatten(one)
        else:
            yield one


def main():
    module, *chosen = sys.argv[1:]

    def name_of(test):
        return hosttests.public_name(module, test.id().rsplit('.', 1)[-1])
    loaded = unittest.defaultTestLoader.loadTestsFromName(f'{module}_test')
    tests = [test for test in flatten(loaded) if not chosen or name_of(test) in chosen]
    if not tests or unittest.defaultTestLoader.errors:
        print('\n'.join(unittest.defaultTestLoader.errors) or 'no tests', file=sys.stderr)
        print(f'Bail out! {module}_test.py gives no tests')
        return 1
    print(f'1..{len(tests)}', flush=True)
    result = TapResult(name_of)
    for test in tests:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            test.run(result)
        result.point(test, printed.getvalue())
    return 0 if result.wasSuccessful() else 1


if __name__ == '__main__':
    sys.exit(main())
