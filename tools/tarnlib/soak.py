"""`tarn soak-boots N`: boots one scenario over and over, for flakes and for boot times.

The time is the user's: from the start of `tools/tarn test SCENARIO` to the first TAP line on its
standard output, so Python's start and QEMU's firmware are in it.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time

from tarnlib import errors, guest, paths, scenario, tap
from tarnlib.errors import USAGE, TarnError

PROGRAM = os.path.join(paths.ROOT, 'tools', 'tarn')


def _boot(name):
    """(seconds to the plan or None, seconds in all, exit status) of one run."""
    began = time.monotonic()
    first = None
    process = subprocess.Popen([PROGRAM, 'test', name], stdout=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
                               errors='replace', preexec_fn=guest.preparation())
    try:
        for line in process.stdout:
            if first is None and tap.PLAN.match(line.rstrip('\n')):
                first = time.monotonic() - began
        return first, time.monotonic() - began, process.wait()
    finally:
        process.terminate()  # it ends its guest
        process.wait()
        process.stdout.close()


def _figures(word, values):
    return (f'{word}: median {statistics.median(values):.3f} s, min {min(values):.3f}, '
            f'max {max(values):.3f}')


def run(count, name):
    names = [one.name for one in scenario.read_table()]
    name = name or names[0]
    if name not in names:
        raise TarnError(f'`{name}` is not in tests/scenarios', USAGE)
    first, total, flakes = [], [], 0
    for number in range(1, count + 1):
        plan, seconds, status = _boot(name)
        total.append(seconds)
        if plan is not None:
            first.append(plan)
        if status != errors.PASS:
            flakes += 1
            kept = paths.build('soak', f'{paths.flat(name)}-{number}.log')
            shutil.copyfile(paths.log(name), kept)
            with open(paths.verdict(name), encoding='utf-8') as file:
                print(f'boot {number}: {file.read().strip()} ({paths.shown(kept)})', flush=True)
        if sys.stdout.isatty() and number % 10 == 0:
            print(f'\r{number} of {count}', end='\r', flush=True)
    print(f'{name}: {count} boots, {flakes} flakes')
    if first:
        print(_figures('first TAP line', first))
    print(_figures('whole run', total))
    return errors.FAILED if flakes else errors.PASS
