"""The host's own tests, run and named like the kernel's: tests/host/X_test.py and X_test.c.

A Python file holds unittest cases; the method test_plan_first of tap_test.py is the test
host/tap/plan-first. A C file is a program that make builds from the cores of the kernel, with
sanitizers: it prints its TAP itself, and each of its names stands in it as one whole text,
"host/boot/map/no-map-is-refused", in the order in which they run.
"""

import os
import re
import subprocess
import sys

from tarnlib import guest, paths
from tarnlib.errors import TarnError

FOLDER = os.path.join(paths.ROOT, 'tests', 'host')
ENDINGS = ('_test.py', '_test.c')
POINT = re.compile(r'((?:not )?ok) \d+ - (.*)')


def _path(module):
    """The file of a module; two files of one name would hide each other."""
    found = [path for path in (os.path.join(FOLDER, module + ending) for ending in ENDINGS)
             if os.path.exists(path)]
    if len(found) != 1:
        raise TarnError(f'tests/host/ must have one of {module}_test.py and {module}_test.c')
    return found[0]


def modules():
    """Every module once, in the order of the alphabet."""
    return sorted(name[:-len(ending)] for name in os.listdir(FOLDER) for ending in ENDINGS
                  if name.endswith(ending))


def public_name(module, method):
    return f'host/{module}/{method[len("test_"):].replace("_", "-")}'


def _python_names(module, text):
    import ast  # costs as much as all the rest of a test run's start
    classes = sorted((node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)),
                     key=lambda node: node.name)
    return [public_name(module, name) for node in classes
            for name in sorted(one.name for one in node.body if isinstance(one, ast.FunctionDef))
            if name.startswith('test')]


def names(module):
    """The tests of a module in the order in which they run, found without running anything."""
    path = _path(module)
    with open(path, encoding='utf-8') as file:
        text = file.read()
    if path.endswith('.py'):
        return _python_names(module, text)
    return re.findall(rf'"(host/{re.escape(module)}/[^"]+)"', text)


def command(module, chosen):
    """Words that run a module's tests and print TAP; chosen: names, or None for all."""
    if _path(module).endswith('.py'):
        return [sys.executable, os.path.join(FOLDER, 'run.py'), module, *(chosen or ())]
    program = paths.build('host', module + '_test')
    if not os.path.exists(program):
        raise TarnError(f'{paths.shown(program)} is not there: run `make host-tests` first')
    return [program]


def only(chosen, lines):
    """The TAP of a program that ran all of its tests, cut down to the chosen ones."""
    yield f'1..{len(chosen)}'
    number = 0
    for line in lines:
        point = POINT.match(line)
        if point and point.group(2) in chosen:
            number += 1
            yield f'{point.group(1)} {number} - {point.group(2)}'
        elif not point and not line.startswith('1..'):
            yield line


def run(module, chosen, write):
    """Runs them, passes each line on; returns (lines, exit status)."""
    words = command(module, chosen)
    program = words[0] != sys.executable
    lines = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, errors='replace',
                          stderr=subprocess.STDOUT if program else None,  # the sanitizers' reports
                          cwd=paths.ROOT, preexec_fn=guest.preparation()) as process:
        coming = (line.rstrip('\n') for line in process.stdout)
        if program and chosen is not None:
            coming = only(chosen, coming)
        try:
            for line in coming:
                lines.append(line)
                write(line)
        except BaseException:
            process.kill()  # the end of the `with` waits for it
            raise
    return lines, process.returncode
