"""The pools' core on the host: builds the C programs of this folder with sanitizers, runs them.

pool_model.c compares random operations with a model, pool_damage.c misuses and damages. Each prints
TAP; a test here is one point of theirs.
"""

import functools
import os
import shutil
import subprocess
import unittest

from tarnlib import paths

CORE = ['block', 'pool', 'allocate', 'free', 'big_pages', 'tags', 'report', 'inspect']
HARNESS = ['pool_host', 'pool_check']
FLAGS = ['-DPOOL_HOST', '-std=gnu17', '-O1', '-g', '-fsanitize=address,undefined',
         '-fno-sanitize-recover=all', '-fshort-wchar', '-mms-bitfields', '-fno-strict-aliasing',
         '-Wall', '-Wextra', '-Werror', '-Wno-multichar', '-Iinclude', '-I.']


def build(program):
    """Builds tests/host/PROGRAM.c with the core of the pools; returns the path of the result."""
    folder = os.path.join(paths.ROOT, 'build', 'host')
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, program)
    sources = [f'mm/pool/{name}.c' for name in CORE]
    sources += [f'tests/host/{name}.c' for name in [program, *HARNESS]]
    subprocess.run(['gcc', *FLAGS, *sources, '-o', target], cwd=paths.ROOT, check=True)
    return target


@functools.lru_cache(maxsize=None)
def points(program):
    """What a program said: {name: passed}, and all it printed."""
    result = subprocess.run([build(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, timeout=300, check=False)
    found = {}
    for line in result.stdout.split('\n'):
        verdict, dash, name = line.partition(' - ')
        if dash:
            found[name] = verdict.startswith('ok ')
    return found, result.stdout


@unittest.skipUnless(shutil.which('gcc'), 'no gcc for programs of this machine')
class PoolTest(unittest.TestCase):
    def check(self, program, name):
        found, text = points(program)
        self.assertTrue(found.get(f'host/pool/{name}', False), text)

    def test_model_growing(self):
        self.check('pool_model', 'model-growing')

    def test_model_steady(self):
        self.check('pool_model', 'model-steady')

    def test_model_shrinking(self):
        self.check('pool_model', 'model-shrinking')

    def test_model_exhausted(self):
        self.check('pool_model', 'model-exhausted')

    def test_model_after_exhaustion(self):
        self.check('pool_model', 'model-after-exhaustion')

    def test_exhaustion(self):
        self.check('pool_damage', 'exhaustion')

    def test_untracked_big_blocks(self):
        self.check('pool_damage', 'untracked-big-blocks')

    def test_damage_header(self):
        self.check('pool_damage', 'damage-header')

    def test_damage_wild_free(self):
        self.check('pool_damage', 'damage-wild-free')

    def test_damage_overrun(self):
        self.check('pool_damage', 'damage-overrun')

    def test_damage_write_after_free(self):
        self.check('pool_damage', 'damage-write-after-free')

    def test_tag_overflow(self):
        self.check('pool_damage', 'tag-overflow')
