"""`tarn test` and `tarn prove`: many scenarios, one after the other or side by side."""

import os
import subprocess
import sys

from tarnlib import errors, guest, paths, runner, scenario
from tarnlib.errors import TarnError
from tarnlib.machine import DEFAULTS

UNDER_PROVE = 'TARN_UNDER_PROVE'  # set for the runs that prove starts
PROGRAM = os.path.join(paths.ROOT, 'tools', 'tarn')


def _listing(jobs, kernel):
    for job in jobs:
        one = job.scenario
        names = job.names
        if names is None:
            names = one.tests(kernel) if one.streams else [one.name]
        expected = 'pass' if one.streams else one.outcome
        for name in names:
            print(f'{one.name}\t{name}\t{expected}')
    return errors.PASS


def _junit(path, outcomes):
    from tarnlib import junit
    try:
        junit.write(path, outcomes)
    except OSError as error:
        raise TarnError(f'--junit {path}: {error.strerror}', errors.USAGE) from None


def test(options, kernel):
    """Runs what the globs choose, here and now; the highest exit status of all."""
    if os.environ.pop(UNDER_PROVE, ''):
        guest.follow_parent()  # prove does not stop what it started
    table = options.table or paths.TABLE
    jobs = scenario.choose(scenario.read_all(kernel, table), options.globs, kernel)
    if options.list:
        return _listing(jobs, kernel)
    if options.log:
        runner.tee(options.log)
    overrides = {key: value for key, value in vars(options).items() if key in DEFAULTS}
    outcomes = []
    for job in jobs:
        if len(jobs) > 1:
            runner.remark(f'scenario {job.scenario.name}')
        outcomes.append(runner.run_job(job, kernel, overrides))
    if options.junit:
        _junit(options.junit, outcomes)
    return max(one.status for one in outcomes)


def _duration(name):
    """Seconds that a scenario took last time; unknown ones count as long."""
    try:
        with open(paths.verdict(name), encoding='utf-8') as file:
            return float(file.read().split('\t')[1])
    except (OSError, IndexError, ValueError):
        return float('inf')


def _kept(name):
    """The outcome of a scenario that prove ran, from the files that it left."""
    try:
        with open(paths.verdict(name), encoding='utf-8') as file:
            status, seconds, text = file.read().rstrip('\n').split('\t', 2)
        rows = []
        if os.path.exists(paths.results(name)):
            with open(paths.results(name), encoding='utf-8') as file:
                rows = [line.rstrip('\n').split('\t') for line in file]
        elif int(status) == errors.PASS:
            raise ValueError('a verdict of an earlier run')
    except (OSError, ValueError):
        return runner.Outcome(name, errors.FAILED, 'it left no verdict', [], 0.0)
    return runner.Outcome(name, int(status), text,
                          [runner.Row(row[1], row[2], text) for row in rows], float(seconds))


def _forget_results():
    """A result of a scenario that is gone must not count as a test that ran."""
    folder = os.path.dirname(paths.results('x'))
    for name in os.listdir(folder):
        if name.endswith('.tsv'):
            os.unlink(os.path.join(folder, name))


def _make_images(jobs, kernel):
    """Makes the boot images once, before two runs at a time would make the same one."""
    from tarnlib import iso
    for job in jobs:
        if job.scenario.kind != scenario.HOST:
            machine = job.scenario.machine()
            if machine.grub and not machine.iso:
                iso.make(kernel.path, machine.cmdline)


def prove(options, kernel):
    """Runs whole scenarios under prove; lists what failed, with the reason, after its summary."""
    program = paths.tool('prove', 'test')
    jobs = scenario.choose(scenario.read_all(kernel), options.globs, kernel)
    partial = [job.scenario.name for job in jobs if job.names is not None]
    if partial:
        raise TarnError(f'prove runs whole scenarios, not tests of {partial[0]}: '
                        'use tools/tarn test', errors.USAGE)
    # The long ones first, so that none of them is left over for the end.
    names = sorted((job.scenario.name for job in jobs), key=lambda name: -_duration(name))
    _make_images(jobs, kernel)
    _forget_results()
    words = [program, '-j', str(options.jobs), '--exec', f'{sys.executable} {PROGRAM} test',
             *names]
    status = subprocess.run(words, stdin=subprocess.DEVNULL, check=False,
                            env=dict(os.environ, **{UNDER_PROVE: '1'}),
                            preexec_fn=guest.preparation()).returncode
    outcomes = [_kept(name) for name in names]
    if options.junit:
        _junit(options.junit, outcomes)
    for one in outcomes:
        if one.status:
            print(f'{one.scenario}: {one.text} ({paths.shown(paths.log(one.scenario))})')
    if status == 0 and any(one.status for one in outcomes):
        print('tarn: prove and the verdicts disagree', file=sys.stderr)
        return errors.FAILED
    return errors.PASS if status == 0 else max([one.status for one in outcomes] + [errors.FAILED])
