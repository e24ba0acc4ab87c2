"""`tarn soak SECONDS`: everything, over and over, until the time is over or something fails.

First the model of the dispatcher (tests/model/check) and the fuzzers (build/fuzz), where they are
there. Then in turns a machine that runs the storms with a seed that no run had before, one with
little memory that keeps a store ten times as large, and scenarios of the matrix for as long as the
storms took. The kernel's lines `# storm: switches N, waits N, ...` and `# store: page-outs N, ...`
are added up.
"""

import fnmatch
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time

from tarnlib import errors, guest, paths, scenario
from tarnlib.errors import USAGE, TarnError

PROGRAM = os.path.join(paths.ROOT, 'tools', 'tarn')
CORPUS = os.path.join(paths.ROOT, 'tests', 'fuzz', 'corpus')
FUZZERS = paths.build('fuzz')
FUZZ_SECONDS = 60
FUZZER = '_fuzz'
WALKS = 'fail-nth-'  # scenarios
WALK_LIMIT = 14400  # seconds: thousands of runs of tests that fill all memory
MODEL = os.path.join(paths.ROOT, 'tests', 'model', 'check')
STORMS = 'storm/*'
STORES = 'store/*'
STORE_PROCESSORS = (1, 4)
STORE_WORDS = 'store-mb=1024 store-touches=400000'
STORE_LIMIT = 1800
TOTALS = re.compile(r'^# sto(?:rm|re): ((?:[A-Za-z-]+ \d+(?:, )?)+)$')
MODES = ('checked', 'free')
STORM_LIMIT = 900  # seconds: some take long on a busy machine with many processors


class Failed(Exception):
    """Something did not pass: what is printed about it, and the exit status."""

    def __init__(self, lines, status):
        super().__init__(lines[0])
        self.lines = lines
        self.status = status


def _read_totals(line, totals):
    match = TOTALS.match(line.rstrip('\r\n'))
    for part in match.group(1).split(', ') if match else ():
        word, number = part.rsplit(' ', 1)
        totals[word] = totals.get(word, 0) + int(number)


def _run(words, totals):
    """Runs one command to its end; (exit status, its last line)."""
    last = ''
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors='replace',
                               preexec_fn=guest.preparation())
    try:
        for line in process.stdout:
            _read_totals(line, totals)
            last = line.strip() or last
        return process.wait(), last
    finally:
        process.terminate()  # it ends its guest
        process.wait()
        process.stdout.close()


def _keep_log(log):
    """A copy of a failed run's log: the next run of the scenario would overwrite it."""
    if not os.path.exists(log):
        return '(no log)'
    kept = paths.build('soak', os.path.basename(log))
    shutil.copyfile(log, kept)
    return paths.shown(kept)


class Soak:
    """One soak: what has been done so far, and the next thing to do."""

    def __init__(self, cpus, rounds, seed, kernel):
        self.cpus, self.rounds = cpus, rounds
        self.seed = seed if seed is not None else random.SystemRandom().randrange(1, 900000000)
        self.matrix = [one.name for one in scenario.read_all(kernel, paths.TABLE)]
        self.logs = {globs: paths.log(scenario.choose(scenario.read_table(), [globs],
                                                      kernel)[0].scenario.name)
                     for globs in (STORMS, STORES)
                     if any(fnmatch.fnmatchcase(test.name, globs) for test in kernel.tests())}
        self.storms = self.stores = self.scenarios = self.passes = 0
        self.at = 0  # the next scenario of the matrix
        self.totals = {}

    def _check(self, words, log):
        status, last = _run([sys.executable, PROGRAM, *words], self.totals)
        if status:
            raise Failed([f'soak: FAILED: {last}', f'soak: log: {_keep_log(log)}',
                          f'soak: repeat: tools/tarn {shlex.join(words)}'], status)

    def model(self):
        if os.access(MODEL, os.X_OK):
            print('model of the dispatcher', flush=True)
            status, last = _run([MODEL], {})
            if status:
                raise Failed([f'soak: FAILED: {last}', 'soak: repeat: tests/model/check'], status)

    def fuzz(self):
        """Each fuzzer for a minute; what it finds new goes to build/, the rest is in the corpus."""
        folder = FUZZERS
        names = os.listdir(folder) if os.path.isdir(folder) else ()
        for name in sorted(name for name in names if name.endswith(FUZZER)):
            print(f'fuzzer {name}', flush=True)
            found = paths.build('fuzz', 'found', name, '')
            os.makedirs(found, exist_ok=True)
            words = [os.path.join(folder, name), '-max_len=4096', '-len_control=0',
                     f'-max_total_time={FUZZ_SECONDS}', f'-artifact_prefix={folder}/', found,
                     os.path.join(CORPUS, name.removesuffix(FUZZER))]
            status, last = _run(words, self.totals)
            if status:
                raise Failed([f'soak: FAILED: {last}', f'soak: repeat: {shlex.join(words)}'],
                             errors.FAILED)
            print(last, flush=True)

    def storm(self):
        mode = MODES[self.storms % len(MODES)]
        print(f'storm {self.storms + 1}: seed {self.seed}, {self.cpus} processors, {mode} mode',
              flush=True)
        line = f'seed={self.seed} storm-rounds={self.rounds} mode={mode}'
        self._check(['test', STORMS, '--cpus', str(self.cpus), '--timeout', str(STORM_LIMIT),
                     '--cmdline', line], self.logs[STORMS])
        self.storms += 1
        self.seed += 1

    def store(self):
        """1 GB in 96 MB of memory, on one processor and on four in turns."""
        cpus = STORE_PROCESSORS[self.stores % len(STORE_PROCESSORS)]
        print(f'store {self.stores + 1}: seed {self.seed}, {cpus} processors', flush=True)
        self._check(['test', STORES, '--mem', '96M', '--disk', '2G', '--cpus', str(cpus),
                     '--timeout', str(STORE_LIMIT),
                     '--cmdline', f'seed={self.seed} {STORE_WORDS}'], self.logs[STORES])
        self.stores += 1

    def next_scenario(self):
        name = self.matrix[self.at]
        words = ['test', name]
        if name.startswith(WALKS):  # every allocation fails once, not a sample of them
            words += ['--timeout', str(WALK_LIMIT), '--cmdline', 'fail-nth=all']
        self._check(words, paths.log(name))
        self.scenarios += 1
        self.at = (self.at + 1) % len(self.matrix)
        self.passes += self.at == 0

    def run(self, seconds, storms_only):
        """Turns until the time is over, which does not count what comes before them."""
        if not storms_only:
            self.model()
            self.fuzz()
        began = time.monotonic()
        while True:
            before = time.monotonic()
            self.storm()
            turn = time.monotonic() - before
            if STORES in self.logs and not storms_only and time.monotonic() < began + seconds:
                self.store()
            end = min(time.monotonic() + turn, began + seconds)
            while not storms_only and time.monotonic() < end:
                self.next_scenario()
            if time.monotonic() >= began + seconds:
                return

    def report(self, seconds):
        words = ', '.join(f'{word} {number}' for word, number in self.totals.items())
        print(f'soak: {seconds:.0f} s, {self.storms} storms, {self.stores} stores, '
              f'{self.scenarios} of '
              f'{len(self.matrix)} scenarios ({self.passes} times all)')
        print(f'soak: totals: {words or "none"}', flush=True)


def run(seconds, options, kernel):
    began = time.monotonic()
    if not any(test.name.startswith('storm/') for test in kernel.tests()):
        raise TarnError('this kernel has no storms: build it with make all', USAGE)
    soak = Soak(options.cpus, options.rounds, options.seed, kernel)
    try:
        soak.run(seconds, options.storms)
        return errors.PASS
    except Failed as failed:
        print('\n'.join(failed.lines), flush=True)
        return failed.status
    finally:  # after Ctrl-C, too
        soak.report(time.monotonic() - began)
