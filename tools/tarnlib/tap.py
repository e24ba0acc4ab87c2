"""The strict parser of a guest's log: TAP points, the bug check, announced values, every flaw.

While tests run, each line is a plan, a point, or begins with `# `. Nothing is repaired: a line that
is not exactly one of these is an error that names its line and its kind. Whether missing points
matter is for verdict.py to say, which also knows how the guest ended.
"""

import re
from typing import NamedTuple

from tarnlib import bugcheck

PLAN = re.compile(r'1\.\.(\d+)$')
POINT = re.compile(r'(not )?ok (\d+) - ([\w./+-]+)(?: [#] (SKIP|TODO)(?: (.*))?)?$')
POINT_INSIDE = re.compile(r'(not )?ok \d+ -|1\.\.\d+$')
# A whole line that a driver printed: its `# ` keeps it from being a result.
COMMENTED_POINT = re.compile(r'# ((not )?ok \d+ -|1\.\.\d+$)')
GARBAGE = re.compile(r'[^\t\x20-\x7e]')
KNOWN_FAIL = 'TODO'
SHOWN = 60  # characters of a bad line that an error shows


class Point(NamedTuple):
    number: int
    name: str
    outcome: str  # ok, fail, skip, known-fail: the words of build/results
    reason: str
    passed: bool  # counts as passed in TAP


class Report:
    """What a log says. `errors` are flaws of the log itself, in the order of the lines."""

    def __init__(self):
        self.plan = None
        self.points = []
        self.values = {}
        self.stops = []    # BugCheck, the first one counts
        self.errors = []
        self.notes = []    # worth a line, not a failure
        self.diagnostics = {}  # test name -> the `# ` lines before its point

    @property
    def stop(self):
        return self.stops[0] if self.stops else None

    def failed(self):
        return [one for one in self.points if not one.passed]

    def missing(self):
        """The numbers of the plan that have no point."""
        seen = {one.number for one in self.points}
        return [number for number in range(1, (self.plan or 0) + 1) if number not in seen]


def _quote(line):
    text = GARBAGE.sub(lambda match: f'\\x{ord(match.group()):02x}', line)
    return f'`{text[:SHOWN]}{"..." if len(text) > SHOWN else ""}`'


class Parser:
    """Takes one line after the other; finish() gives the Report."""

    def __init__(self):
        self.report = Report()
        self._number = 0
        self._comments = []
        self._awaits_parameters = False
        self._reported = {}

    def _error(self, kind, text):
        """Reports the first flaw of a kind; finish() adds how many more there were."""
        count, place = self._reported.get(kind, (0, len(self.report.errors)))
        if count == 0:
            self.report.errors.append(f'{kind}: line {self._number}: {text}')
        self._reported[kind] = (count + 1, place)

    def line(self, line):
        self._number += 1
        garbage = GARBAGE.search(line)
        if garbage:
            self._error('garbage byte', f'0x{ord(garbage.group()):02x} in {_quote(line)}')
        elif self._awaits_parameters or line == '#' or line.startswith('# '):
            self._comment(line)
        elif PLAN.match(line):
            self._plan(int(PLAN.match(line).group(1)))
        elif POINT.match(line):
            self._point(POINT.match(line))
        else:
            self._stray(line)

    def _comment(self, line):
        report = self.report
        if self._awaits_parameters:
            self._awaits_parameters = False
            found = bugcheck.PARAMETERS.match(line)
            if found:
                numbers = tuple(int(one, 16) for one in found.groups())
                report.stops[-1] = report.stops[-1]._replace(parameters=numbers)
            else:
                self._error('bug check', f'no parameters after the stop line but {_quote(line)}')
            return
        self._comments.append(line)
        value = bugcheck.VALUE.match(line)
        stop = bugcheck.STOP.search(line)
        if value:
            report.values[value.group(1)] = int(value.group(2), 16)
        elif stop:
            report.stops.append(bugcheck.BugCheck(int(stop.group(1), 16), ()))
            self._awaits_parameters = True
        elif POINT_INSIDE.search(line) and not COMMENTED_POINT.match(line):
            self._error('glued', f'a TAP line shares its line with other text: {_quote(line)}')

    def _plan(self, count):
        if self.report.plan is not None:
            self._error('second plan', f'1..{count} after 1..{self.report.plan}')
            return
        if self.report.points:
            self._error('late plan', f'1..{count} comes after {len(self.report.points)} points')
        self.report.plan = count

    def _point(self, match):
        report = self.report
        negated, number, name, directive, reason = match.groups()
        number = int(number)
        last = max((one.number for one in report.points), default=0)
        if report.plan is None and not report.points:
            self._error('no plan', f'point {number} ({name}) comes before any plan')
        if any(one.number == number for one in report.points):
            self._error('duplicate number', f'point {number} ({name}) was given before')
        elif number != last + 1:
            self._error('out of order', f'point {number} ({name}) comes after point {last}')
        if report.plan is not None and number > report.plan:
            self._error('beyond the plan', f'point {number} ({name}), but the plan is '
                                           f'1..{report.plan}')
        if any(one.name == name for one in report.points):
            self._error('duplicate name', f'{name} has two points')
        outcome = 'fail' if negated else 'ok'
        if directive == KNOWN_FAIL:
            if not negated:
                report.notes.append(f'{name} passes although it is marked as a known failure')
            outcome = 'known-fail' if negated else 'ok'
        elif directive:
            outcome = 'fail' if negated else 'skip'
        passed = outcome != 'fail'
        report.points.append(Point(number, name, outcome, reason or '', passed))
        report.diagnostics[name] = self._comments
        self._comments = []

    def _stray(self, line):
        if line.startswith('Bail out!'):
            self._error('bail out', line[9:].strip() or 'without a reason')
        elif POINT_INSIDE.search(line):
            self._error('glued', f'a TAP line shares its line with other text: {_quote(line)}')
        elif self.report.plan is not None and not self.report.missing():
            self._error('text after the last point', _quote(line))
        else:
            self._error('stray text', f'neither TAP nor a `# ` line: {_quote(line)}')

    def finish(self, rest=''):
        """rest: the begun line that the end of the log cut off."""
        report = self.report
        if rest:
            self._number += 1
            self._error('cut line', f'the log ends inside {_quote(rest)}')
        for kind, (count, place) in self._reported.items():
            if count > 1:
                report.errors[place] += f' (and {count - 1} more of that kind)'
        return report


def parse(lines, rest=''):
    parser = Parser()
    for line in lines:
        parser.line(line)
    return parser.finish(rest)
