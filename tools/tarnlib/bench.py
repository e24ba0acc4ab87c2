"""`tarn bench`: runs the kernel's benches, prints their figures beside the goals, keeps them.

The guest prints `# bench<TAB>name<TAB>value<TAB>unit<TAB>goal`. A figure is a decimal number, a
goal an upper bound or empty. build/bench.tsv has the same columns in the order in which they came
(build/bench-ticks.tsv: those of the machine where time passes).
"""

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from tarnlib import errors, paths, runner, verdict
from tarnlib.errors import USAGE, TarnError
from tarnlib.machine import Machine

DECIMAL = re.compile(r'\d+(\.\d+)?$')
START = '# bench\t'
TIME_LIMIT = 300.0
MEMORY = 256 << 20
DISK = 256 << 20
TIMED = 'ticks/'


class Figure(NamedTuple):
    name: str
    value: str
    unit: str
    goal: str

    @property
    def over(self):
        return bool(self.goal) and float(self.value) > float(self.goal)


def parse(lines):
    """(figures, flaws) of a log."""
    figures, flaws = [], []
    for line in lines:
        if not line.startswith('# bench'):
            continue
        fields = line.split('\t')[1:]
        if len(fields) != 4 or not line.startswith(START):
            flaws.append(f'`{line}` is no row of name, value, unit and goal')
            continue
        figure = Figure(*fields)
        if not DECIMAL.match(figure.value) or figure.goal and not DECIMAL.match(figure.goal):
            flaws.append(f'`{line}`: value and goal must be decimal numbers')
        elif any(figure.name == one.name for one in figures):
            flaws.append(f'{figure.name} has two rows')
        else:
            figures.append(figure)
    return figures, flaws


def table(figures):
    """The lines of a table for people."""
    rows = [('bench', 'value', 'unit', 'goal', '')]
    rows += [(one.name, one.value, one.unit, one.goal, 'over the goal' if one.over else '')
             for one in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return [f'{name:{widths[0]}}  {value:>{widths[1]}}  {unit:{widths[2]}}  {goal:>{widths[3]}}  '
            f'{mark}'.rstrip() for name, value, unit, goal, mark in rows]


def _chosen(kernel, globs):
    names = [one.name for one in kernel.benches()]
    if not names:
        raise TarnError(f'{paths.shown(kernel.path)} has no benches')
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            families = dict.fromkeys(name.split('/')[0] + '/*' for name in names)
            raise TarnError(f'no bench matches `{glob}`; there are {", ".join(families)}', USAGE)
    return [name for name in names if any(fnmatchcase(name, glob) for glob in globs or ['*'])]


def _machine(names, timed, options):
    """What runs these benches: instructions are counted on one processor, time passes on two."""
    words = f'bench={",".join(names)} mode=free {options.get("cmdline", "")}'.strip()
    kind = {'cpus': 2, 'disk': (DISK, DISK)} if timed else {'icount': True}
    words += ' pagefile=vda' if timed else ''
    return Machine({'mem': MEMORY, 'timeout': TIME_LIMIT, **kind}, options, {'cmdline': words})


def _words(part, names, globs):
    """Globs for this part of the names: whole families where all was asked for."""
    if globs:
        return globs if part == names else part
    return list(dict.fromkeys(name.split('/')[0] + '/*' for name in part))


def run(options, globs, kernel):
    """One machine for what is counted, another for what takes time (TIMED)."""
    names = _chosen(kernel, globs)
    for timed in (False, True):
        part = [name for name in names if name.startswith(TIMED) == timed]
        if part:
            machine = _machine(_words(part, names, globs), timed, options)
            _run_part(machine, part, 'bench-ticks' if timed else 'bench')
    return errors.PASS


def _run_part(machine, names, log):
    lines = []
    done = runner.boot(machine, log, lines.append)
    figures, flaws = parse(lines)
    for name in names:
        if not any(one.name == name or one.name.startswith(name + '/') for one in figures):
            flaws.append(f'{name} gave no row')
    for line in table(figures):
        print(line)
    with open(paths.build(f'{log}.tsv'), 'w', encoding='utf-8') as file:
        for one in figures:
            file.write('\t'.join(one) + '\n')
    judged = verdict.judge(done.report, done.end)
    if done.end.status != verdict.ALL_PASSED:
        raise TarnError(f'{judged.text} ({paths.shown(paths.log(log))})',
                        judged.status or errors.FAILED)
    if flaws or not figures:
        more = f' (and {len(flaws) - 1} more)' if flaws[1:] else ''
        raise TarnError((flaws or ['the guest gave no rows'])[0] + more, errors.FAILED)
