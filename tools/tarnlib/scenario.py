"""The machines that the tests run on: the table tests/scenarios, one machine a crash test of the
kernel, and the host's own tests. Also: which tests a scenario runs, and what a glob chooses.
"""

import argparse
import shlex
from fnmatch import fnmatchcase
from typing import NamedTuple

from tarnlib import bugcheck, hosttests, machine, paths
from tarnlib.errors import USAGE, TarnError

KNOWN_FAIL = 'known-fail'
ENDINGS = ('pass', 'fail', 'timeout', 'crash', 'refused')
WITH_ARGUMENT = ('bugcheck', 'dialogue')
TWICE = 'same-log'  # two runs that pass and whose logs agree in every byte
HOST = 'host'
TIME_LIMIT = 60.0
# What fits into BOOT_COMMAND_LINE_SIZE of kernel/ke/bootinfo.h.
COMMAND_LINE_LIMIT = 1000


class _Words(argparse.ArgumentParser):
    """The shared options, for a cell of the table: an error is an exception, not an exit."""

    def error(self, message):
        raise TarnError(message)


class Scenario(NamedTuple):
    name: str
    options: str    # machine options, as on the command line
    cmdline: str
    expected: str   # the last column, without known-fail
    known_fail: bool = False
    place: str = ''  # file and line, for errors

    @property
    def kind(self):
        return self.expected.split(' ', 1)[0]

    @property
    def argument(self):
        return self.expected.partition(' ')[2]

    @property
    def streams(self):
        """The guest's own TAP is the result; otherwise the launcher sums it up in one point."""
        return self.kind in ('pass', HOST) and not self.known_fail

    @property
    def outcome(self):
        """What --list shows."""
        return f'{KNOWN_FAIL} {self.expected}' if self.known_fail else self.expected

    def machine(self, overrides=None, cmdline=None):
        """overrides: options of the user's command line; its words follow the scenario's own."""
        overrides = dict(overrides or {})
        words = self.cmdline if cmdline is None else cmdline
        overrides['cmdline'] = f'{words} {overrides.get("cmdline", "")}'.strip()
        parser = _Words(add_help=False)
        machine.add_options(parser)
        try:
            own = vars(parser.parse_args(machine.separate_files(shlex.split(self.options))))
            return machine.Machine({'timeout': TIME_LIMIT}, own, overrides)
        except TarnError as error:
            raise TarnError(f'{self.place}: {error}', error.status) from None

    def tests(self, kernel):
        """The tests that a whole run of a streaming scenario gives, in the kernel's order."""
        if self.kind == HOST:
            return hosttests.names(self.argument)
        return expand(self.cmdline, kernel)


def test_globs(cmdline):
    """The globs of the last word test=..., which counts, or None when there is no such word."""
    found = [word[5:] for word in cmdline.split() if word.startswith('test=')]
    return found[-1].split(',') if found else None


def expand(cmdline, kernel):
    """The names of the kernel's tests that this command line runs.

    As in tests/run.c, a bare * is the quick suite: it leaves the slow tests out.
    """
    globs = test_globs(cmdline)
    if globs is None or globs == ['*']:
        return [test.name for test in kernel.tests() if not test.slow]
    return [test.name for test in kernel.tests()
            if any(fnmatchcase(test.name, glob) for glob in globs)]


def _row(place, line):
    cells = [cell.strip() for cell in line.split('|')]
    if len(cells) != 4 or not cells[0]:
        raise TarnError(f'{place}: write name | machine options | command line | expected outcome')
    name, options, cmdline, expected = cells
    known_fail = expected.startswith(KNOWN_FAIL + ' ')
    if known_fail:
        expected = expected[len(KNOWN_FAIL):].strip()
    row = Scenario(name, options, cmdline, expected, known_fail, place)
    wrong = ''
    if row.kind == 'bugcheck':
        wrong = bugcheck.problem(row.argument)
    elif (row.kind in WITH_ARGUMENT) != bool(row.argument):
        wrong = f'`{expected}`: dialogue takes a file, the other outcomes stand alone'
    elif row.kind not in ENDINGS + WITH_ARGUMENT + (TWICE,):
        wrong = f'`{row.kind}` is no outcome; use {", ".join(ENDINGS)}, bugcheck, dialogue, {TWICE}'
    if wrong:
        raise TarnError(f'{place}: {wrong}')
    return row


def read_table(path=paths.TABLE):
    try:
        with open(path, encoding='utf-8') as file:
            lines = file.read().split('\n')
    except OSError as error:
        raise TarnError(f'{path} cannot be read: {error.strerror}') from None
    except UnicodeDecodeError:
        raise TarnError(f'{path} is no text') from None
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith('#'):
            place = f'{paths.shown(path)}:{number}'
            row = _row(place, line)
            if any(row.name == other.name for other in rows):
                raise TarnError(f'{place}: `{row.name}` is there twice')
            rows.append(row)
    return rows


def read_all(kernel, table=paths.TABLE):
    """Every scenario: the table's, one a crash test, one a file of host tests."""
    crashes = [Scenario('crash/' + crash.name, '', 'crash=' + crash.name,
                        'bugcheck ' + crash.expected, place=f'crash test {crash.name}')
               for crash in kernel.crashes()]
    hosts = [Scenario('host/' + module, '', '', f'{HOST} {module}')
             for module in hosttests.modules()]
    return read_table(table) + crashes + hosts


class Job(NamedTuple):
    """One run: a scenario, whole (names is None) or only some of its tests."""
    scenario: Scenario
    names: object = None
    cmdline: object = None


def _narrowed(scenario, names, globs, kernel):
    """A job that runs just these tests of a scenario."""
    if scenario.kind == HOST:
        return Job(scenario, names)
    words = [word for word in scenario.cmdline.split() if not word.startswith('test=')]

    def line(parts):
        return ' '.join(words + ['test=' + ','.join(parts)])
    if set(expand(line(globs), kernel)) == set(names) or len(line(names)) > COMMAND_LINE_LIMIT:
        names, chosen = expand(line(globs), kernel), line(globs)
    else:
        chosen = line(names)
    return Job(scenario, names, chosen)


def _matches(scenarios, lists, globs):
    """What the globs name: (scenario names, [(scenario name, test, glob over tests, pinned)]).

    A pinned test was asked for on that very scenario.
    """
    whole, parts = set(), []
    for glob in globs:
        named = {one.name for one in scenarios if fnmatchcase(one.name, glob)}
        tests = [(name, test, glob, False) for name, tests in lists.items() for test in tests
                 if fnmatchcase(test, glob)]
        if not named and not tests:
            # A glob over `scenario/test` is none over tests: name the test itself.
            tests = [(name, test, test, True) for name, tests in lists.items()
                     for test in tests if fnmatchcase(f'{name}/{test}', glob)]
        if not named and not tests:
            raise TarnError(f'nothing matches `{glob}`: tools/tarn test --list shows the names',
                            USAGE)
        whole |= named
        parts += tests
    return whole, parts


def choose(scenarios, globs, kernel):
    """The jobs of `tarn test GLOB...`, in the order of the scenarios; all of them without a glob.

    A glob names scenarios, tests, or else `scenario/test`; a test runs on the first scenario that
    has it, unless a whole scenario that was chosen runs it anyway.
    """
    if not globs:
        return [Job(one) for one in scenarios]
    if {one.name for one in scenarios}.issuperset(globs):  # prove's way: no test need be listed
        return [Job(one) for one in scenarios if one.name in globs]
    lists = {one.name: one.tests(kernel) for one in scenarios if one.streams}
    whole, parts = _matches(scenarios, lists, globs)
    covered = {test for name in whole for test in lists.get(name, ())}
    chosen = {}  # scenario: (tests, globs)
    place = {}   # test: the scenario that runs it
    for name, test, glob, pinned in parts:
        elsewhere = test in covered or place.get(test, name) != name
        if name in whole or elsewhere and not pinned:
            continue
        place.setdefault(test, name)
        names, words = chosen.setdefault(name, (set(), []))
        names.add(test)
        words.append(glob)
    jobs = []
    for one in scenarios:
        if one.name in whole:
            jobs.append(Job(one))
        elif one.name in chosen:
            names, words = chosen[one.name]
            ordered = [test for test in lists[one.name] if test in names]
            jobs.append(_narrowed(one, ordered, list(dict.fromkeys(words)), kernel))
    return jobs
