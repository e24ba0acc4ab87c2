"""Runs a scenario, streams what happens as TAP, and leaves its log, its results and its verdict.

A scenario that expects `pass` gives the guest's own points, line by line. Every other one gives a
single point of the launcher, with the guest's log as comments before it.
"""

import os
import time
from typing import NamedTuple

from tarnlib import bugcheck, dialogue, errors, hosttests, paths, qemu, scenario, tap, verdict
from tarnlib.errors import TarnError
from tarnlib.guest import Guest
from tarnlib.lines import LineReader

CONSOLE = ('-serial', 'stdio')


_OUTPUTS = [1]


def tee(path):
    """Sends the stream to a file as well, from here on."""
    try:
        _OUTPUTS.append(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666))
    except OSError as error:
        raise TarnError(f'--log {path}: {error.strerror}', errors.USAGE) from None


def say(text):
    """A line on standard output, at once: whoever reads the stream sees it while it happens."""
    for output in _OUTPUTS:
        data = (text + '\n').encode('latin-1', 'replace')
        while data:
            data = data[os.write(output, data):]


def remark(text):
    say('# tarn: ' + text)


class Row(NamedTuple):
    """A test's outcome, as build/results and the JUnit report have it."""
    name: str
    outcome: str  # ok, fail, skip, known-fail
    message: str = ''


class Outcome(NamedTuple):
    scenario: str
    status: int
    text: str    # one line
    rows: list
    seconds: float
    first_tap: object = None  # seconds until the plan, None without one


class Run(NamedTuple):
    """One machine from start to end."""
    report: tap.Report
    end: verdict.End
    raw: bytes
    first_tap: object
    prelude: list


def boot(machine, name, write):
    """Runs the guest, gives each line of it to write(); keeps the raw log of it."""
    reader = LineReader(machine.firmware_prints)
    parser = tap.Parser()
    raw, first_tap = [], None
    began = time.monotonic()
    words = qemu.command(machine, name, CONSOLE)
    limit = machine.timeout or float('inf')
    with open(paths.log(name), 'wb', buffering=0) as log, Guest(words) as guest:
        while True:
            data = guest.receive(limit)
            if not data:
                break
            log.write(data)
            raw.append(data)
            for line in reader.feed(data):
                parser.line(line)
                if first_tap is None and tap.PLAN.match(line):
                    first_tap = time.monotonic() - began
                write(line)
        guest.finish(limit if data is not None else 0)
        if guest.refusal() and not raw:
            raise TarnError(f'QEMU refuses this machine: {guest.refusal()}')
        end = verdict.End(guest.status, guest.elapsed(), guest.complaints)
    rest = reader.finish()
    if rest:
        write(rest)
    return Run(parser.finish(rest), end, b''.join(raw), first_tap, reader.prelude)


def _rows(report, judged, names):
    """Points of a run as rows; a test during which the guest ended has failed."""
    rows = [Row(point.name, point.outcome,
                '\n'.join(report.diagnostics.get(point.name, ())) if point.outcome == 'fail'
                else point.reason) for point in report.points]
    broken_off = verdict.test_in_progress(report, names)
    if broken_off:
        rows.append(Row(broken_off, 'fail', judged.text))
    return rows


def _stream(job, machine, kernel):
    """The guest's own TAP."""
    names = job.names
    if names is None or scenario.test_globs(machine.cmdline) != scenario.test_globs(job.cmdline):
        names = scenario.expand(machine.cmdline, kernel)
    run = boot(machine, job.scenario.name, say)
    judged = verdict.judge(run.report, run.end, names)
    for line in _firmware_words(run) + list(judged.details) + run.report.notes:
        remark(line)
    return Outcome(job.scenario.name, judged.status, judged.text,
                   _rows(run.report, judged, names), run.end.seconds, run.first_tap)


def _firmware_words(run):
    """What the firmware said, when the kernel never came."""
    if run.report.plan is not None or not run.prelude:
        return []
    return ['firmware: ' + line for line in run.prelude if line.strip()][-10:]


def _comment(line):
    say(line if line == '#' or line.startswith('# ') else f'# {line}')


def _mismatch(job, run, judged, kernel):
    """Why a run is not what the scenario expects; nothing when it is."""
    expected = job.scenario.kind
    if judged.kind != expected:
        return [f'expected {job.scenario.expected}, but: {judged.text}', *judged.details]
    if expected == 'bugcheck':
        if not run.report.stop:
            return list(judged.details)
        lines = bugcheck.compare(job.scenario.argument, run.report.stop, run.report.values,
                                 kernel.extents)
        return lines + list(judged.details)
    return list(judged.details) if expected in ('fail', 'pass', 'refused') else []


def _expect(job, machine, kernel):
    """One guest that must end in a stated way: (exit status, reasons why not, verdict, run)."""
    run = boot(machine, job.scenario.name, _comment)
    names = scenario.expand(machine.cmdline, kernel) if job.scenario.kind in ('pass', 'fail') \
        else None
    judged = verdict.judge(run.report, run.end, names)
    reasons = _mismatch(job, run, judged, kernel)
    status = judged.status if judged.kind != job.scenario.kind else errors.FAILED
    return (status or errors.FAILED) if reasons else errors.PASS, reasons, run


def _same_log(job, machine, kernel):
    """Two guests whose logs agree in every byte."""
    runs = [boot(machine, job.scenario.name, _comment) for _ in range(2)]
    names = scenario.expand(machine.cmdline, kernel)
    for run in runs:
        judged = verdict.judge(run.report, run.end, names)
        if judged.kind != 'pass':
            return judged.status or errors.FAILED, [judged.text, *judged.details], run
    first, second = (run.raw.split(b'\n') for run in runs)
    if first == second:
        return errors.PASS, [], runs[1]
    number = next((index for index, (left, right) in enumerate(zip(first, second))
                   if left != right), min(len(first), len(second)))
    reasons = [f'the logs of two runs differ from line {number + 1} on']
    for lines in (first, second):
        text = lines[number].decode('latin-1') if number < len(lines) else '(ended)'
        reasons.append(f'  {text.rstrip()}')
    return errors.FAILED, reasons, runs[1]


def _summed_up(job, machine, kernel):
    """A scenario whose single point is the launcher's own."""
    name = job.scenario.name
    say('1..1')
    began = time.monotonic()
    first_tap = None
    if job.scenario.kind == 'dialogue':
        status, reasons = dialogue.run(job.scenario.argument, machine, name, _comment)
    else:
        step = _same_log if job.scenario.kind == scenario.TWICE else _expect
        status, reasons, run = step(job, machine, kernel)
        first_tap = run.first_tap
        reasons = reasons and reasons + _firmware_words(run)
    for line in reasons:
        remark(line)
    suffix, outcome = '', 'fail' if reasons else 'ok'
    text = reasons[0] if reasons else f'as expected: {job.scenario.expected}'
    if job.scenario.known_fail and reasons:
        status, outcome, suffix = errors.PASS, scenario.KNOWN_FAIL, f' # {tap.KNOWN_FAIL} {text}'
    elif job.scenario.known_fail:
        status, outcome = errors.FAILED, 'fail'
        text = f'it succeeds now: take {scenario.KNOWN_FAIL} out of {job.scenario.place}'
        remark(text)
    say(f'{"not ok" if outcome in ("fail", scenario.KNOWN_FAIL) else "ok"} 1 - {name}{suffix}')
    return Outcome(name, status, text, [Row(name, outcome, '\n'.join(reasons))],
                   time.monotonic() - began, first_tap)


def _host(job):
    began = time.monotonic()
    lines, status = hosttests.run(job.scenario.argument, job.names, say)
    with open(paths.log(job.scenario.name), 'w', encoding='utf-8') as log:
        log.write('\n'.join(lines) + '\n')
    report = tap.parse(line for line in lines if line[:1] != '#')
    names = job.names if job.names is not None else job.scenario.tests(None)
    end = verdict.End(verdict.SOME_FAILED if status else verdict.ALL_PASSED, 0)
    judged = verdict.judge(report, end, names)
    for line in judged.details:
        remark(line)
    return Outcome(job.scenario.name, judged.status, judged.text, _rows(report, judged, names),
                   time.monotonic() - began)


def _run(job, kernel, overrides):
    if job.scenario.kind == scenario.HOST:
        return _host(job)
    machine = job.scenario.machine(overrides, job.cmdline)
    step = _stream if job.scenario.streams else _summed_up
    return step(job, machine, kernel)


def run_job(job, kernel, overrides):
    """Runs one job, streams it, leaves its files; returns the Outcome."""
    try:
        outcome = _run(job, kernel, overrides)
    except TarnError as error:
        _keep_verdict(Outcome(job.scenario.name, error.status, str(error), [], 0.0))
        raise
    figures = f'{outcome.seconds:.2f} s'
    if outcome.first_tap is not None:
        figures = f'first TAP line after {outcome.first_tap:.3f} s, {figures} in all'
    remark(f'{outcome.scenario}: {outcome.text} ({figures})')
    _keep(job, outcome)
    return outcome


def _keep_verdict(outcome):
    with open(paths.verdict(outcome.scenario), 'w', encoding='utf-8') as file:
        file.write(f'{outcome.status}\t{outcome.seconds:.2f}\t{outcome.text}\n')


def _keep(job, outcome):
    _keep_verdict(outcome)
    if job.names is not None:
        return  # results tell what a whole scenario gave; a part of one must not replace them
    with open(paths.results(outcome.scenario), 'w', encoding='utf-8') as file:
        for row in outcome.rows:
            file.write(f'{outcome.scenario}\t{row.name}\t{row.outcome}\n')
