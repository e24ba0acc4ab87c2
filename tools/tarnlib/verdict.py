"""Says in one line how a guest ended, from its exit status and its log, which must agree.

The guest leaves through the isa-debug-exit port; QEMU's status is (value << 1) | 1.
"""

from typing import NamedTuple

from tarnlib import errors

ALL_PASSED, SOME_FAILED, REFUSED, BUG_CHECK, QUIT = 33, 35, 37, 39, 41
STATUS = {'pass': errors.PASS, 'fail': errors.FAILED, 'broken': errors.FAILED,
          'crash': errors.FAILED, 'refused': errors.USAGE, 'bugcheck': errors.BUGCHECK,
          'timeout': errors.TIMEOUT}


class End(NamedTuple):
    """How the process ended. status: None when it was killed at its limit."""
    status: object
    seconds: float
    complaints: str = ''


class Verdict(NamedTuple):
    kind: str      # a key of STATUS
    text: str      # one line
    details: tuple = ()  # more lines: the flaws of the log

    @property
    def status(self):
        return STATUS[self.kind]


def _test_at(report, names):
    """The index and name of the test that runs after the points so far; None outside of tests."""
    if report.plan is None or not report.missing():
        return None
    done = len(report.points)
    ran = [one.name for one in report.points]
    if names and names[:done] == ran and done < len(names):
        return names[done]
    return f'the test after {ran[-1]}' if ran else 'the first test'


def _where(report, names):
    test = _test_at(report, names)
    if test:
        return f'in {test}'
    return 'before the plan' if report.plan is None else 'after the last test'


def test_in_progress(report, names):
    """The name of the test during which the guest ended, if it is one of `names`."""
    test = _test_at(report, names)
    return test if names and test in names else None


def _crash(report, end, names):
    if end.status < 0:
        reason = f'QEMU was killed by signal {-end.status}'
    elif end.status == 0:
        reason = 'the guest reset or switched off without a verdict'
    elif end.status == QUIT:
        reason = 'the guest quit without a verdict'
    else:
        reason = f'QEMU ended with status {end.status}'
    said = end.complaints.strip().split('\n')[-1]
    return f'CRASH {_where(report, names)}: {reason}' + (f' ({said})' if said else '')


def _contradictions(report, status):
    """Where the points and the exit status say different things."""
    lines = []
    failed = len(report.failed())
    if status == ALL_PASSED and failed:
        lines.append(f'status {status} says that all passed, but {failed} failed in the log')
    if status == SOME_FAILED and not failed and report.plan is not None and not report.missing():
        lines.append(f'status {status} says that a test failed, but none did in the log')
    if status == BUG_CHECK and not report.stop:
        lines.append(f'status {status} says bug check, but the log has no stop line')
    if report.stop and status not in (BUG_CHECK, None):
        lines.append(f'the log has a stop line, but the status is {status}')
    return lines


def _structure(report, names):
    """What is missing from a run that came to its end."""
    lines = []
    if report.plan is None:
        lines.append('no plan')
    missing = report.missing()
    if missing:
        shown = ', '.join(str(one) for one in missing[:10]) + (', ...' if missing[10:] else '')
        lines.append(f'missing points: {len(missing)} of {report.plan} ({shown})')
    ran = {one.name for one in report.points}
    if names is not None and not missing and report.plan is not None and ran != set(names):
        absent = sorted(set(names) - ran)
        strange = sorted(ran - set(names))
        if absent:
            lines.append(f'chosen but not run: {", ".join(absent[:5])} ({len(absent)} in all)')
        if strange:
            lines.append(f'run but not chosen: {", ".join(strange[:5])} ({len(strange)} in all)')
    return lines


def judge(report, end, names=None):
    """names: the tests that must run, in the kernel's order; None when that is not known."""
    flaws = list(report.errors) + _contradictions(report, end.status)
    place = _where(report, names)
    if end.status is None:
        text = f'TIMEOUT {place}: killed after {end.seconds:.1f} s'
        return Verdict('timeout', text, tuple(flaws))
    if report.stop or end.status == BUG_CHECK:
        stop = report.stop or 'without a stop line'
        return Verdict('bugcheck', f'BUG CHECK {place}: {stop}', tuple(flaws))
    if end.status == REFUSED:
        return Verdict('refused', f'REFUSED {place}: the kernel did not take its command line '
                                  'or boot data', tuple(flaws))
    if end.status not in (ALL_PASSED, SOME_FAILED):
        return Verdict('crash', _crash(report, end, names), tuple(flaws))
    flaws += _structure(report, names)
    if flaws:
        more = f' (and {len(flaws) - 1} more)' if flaws[1:] else ''
        return Verdict('broken', f'BROKEN LOG: {flaws[0]}{more}', tuple(flaws))
    count = len(report.points)
    if report.failed():
        first = report.failed()[0].name
        return Verdict('fail', f'FAIL: {len(report.failed())} of {count} tests failed, '
                               f'first {first}')
    return Verdict('pass', f'PASS: {count} tests')
