"""The host's own tests, tests/host/*_test.py (unittest), run and named like the kernel's.

The method test_plan_first of tap_test.py is the test host/tap/plan-first.
"""

import os
import subprocess
import sys

from tarnlib import paths

FOLDER = os.path.join(paths.ROOT, 'tests', 'host')
ENDING = '_test.py'


def _path(module):
    return os.path.join(FOLDER, module + ENDING)


def modules():
    return sorted(name[:-len(ENDING)] for name in os.listdir(FOLDER) if name.endswith(ENDING))


def public_name(module, method):
    return f'host/{module}/{method[len("test_"):].replace("_", "-")}'


def names(module):
    """The tests of a module in the order in which they run, found without importing it."""
    import ast  # costs as much as all the rest of a test run's start
    with open(_path(module), encoding='utf-8') as file:
        tree = ast.parse(file.read())
    classes = sorted((node for node in tree.body if isinstance(node, ast.ClassDef)),
                     key=lambda node: node.name)
    return [public_name(module, name) for node in classes
            for name in sorted(one.name for one in node.body if isinstance(one, ast.FunctionDef))
            if name.startswith('test')]


def command(module, chosen):
    """Words that run a module's tests and print TAP; chosen: names, or None for all."""
    return [sys.executable, os.path.join(FOLDER, 'run.py'), module, *(chosen or ())]


def run(module, chosen, write):
    """Runs them, passes each line on; returns (lines, exit status)."""
    lines = []
    with subprocess.Popen(command(module, chosen), stdout=subprocess.PIPE, text=True,
                          errors='replace', cwd=paths.ROOT) as process:
        for line in process.stdout:
            lines.append(line.rstrip('\n'))
            write(lines[-1])
    return lines, process.returncode
