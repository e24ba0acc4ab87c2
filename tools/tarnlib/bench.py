"""`tarn bench`: runs the kernel's benches, prints their figures beside the goals, keeps them.

The guest prints `# bench<TAB>name<TAB>value<TAB>unit<TAB>goal`. A figure is a decimal number, a
goal an upper bound or empty. build/bench.tsv has the same columns in the order in which they came.
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


def run(options, globs, kernel):
    names = _chosen(kernel, globs)
    words = f'bench={",".join(globs or ["*"])} mode=free {options.get("cmdline", "")}'.strip()
    machine = Machine({'mem': MEMORY, 'icount': True, 'timeout': TIME_LIMIT}, options,
                      {'cmdline': words})
    lines = []
    done = runner.boot(machine, 'bench', lines.append)
    figures, flaws = parse(lines)
    for name in names:
        if not any(one.name == name or one.name.startswith(name + '/') for one in figures):
            flaws.append(f'{name} gave no row')
    for line in table(figures):
        print(line)
    with open(paths.build('bench.tsv'), 'w', encoding='utf-8') as file:
        for one in figures:
            file.write('\t'.join(one) + '\n')
    judged = verdict.judge(done.report, done.end)
    if done.end.status != verdict.ALL_PASSED:
        raise TarnError(f'{judged.text} ({paths.shown(paths.log("bench"))})',
                        judged.status or errors.FAILED)
    if flaws or not figures:
        more = f' (and {len(flaws) - 1} more)' if flaws[1:] else ''
        raise TarnError((flaws or ['the guest gave no rows'])[0] + more, errors.FAILED)
    return errors.PASS
