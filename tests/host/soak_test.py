"""Tests of `tarn soak`: what it runs in which order, what it adds up, and how it ends."""

import contextlib
import io
import os
import re
import signal
import unittest
from types import SimpleNamespace

from fakes import LauncherTest, kernel
from tarnlib import elf, endurance

STORM = ('1..1', '# storm: switches 30, waits 20, DPCs 1, IPIs 4', 'ok 1 - storm/a')
LOG = '\n'.join(STORM) + '\n'


class SoakTest(LauncherTest):
    """Storms only, against the fake QEMU."""

    def setUp(self):
        super().setUp()
        kernel(self.path('tarn.elf'), tests=['storm/a'])

    def test_one_storm_at_least(self):
        self.guest(LOG, 33)
        done = self.tarn('soak', '0.001', '--storms', '--seed', '7')
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn('storm 1: seed 7, 4 processors, checked mode\n', done.stdout)
        self.assertRegex(done.stdout, r'soak: \d+ s, 1 storms, 0 stores, 0 of \d+ scenarios')
        self.assertIn('totals: switches 30, waits 20, DPCs 1, IPIs 4\n', done.stdout)

    def test_what_the_guest_gets(self):
        self.qemu(f'echo "$*" >> "{self.path("words")}"', f"printf '{LOG}'", 'exit 33')
        self.tarn('soak', '0.001', '--storms', '--seed', '7', '--cpus', '3', '--rounds', '5')
        words = self.read('words')
        self.assertIn('-smp 3 ', words)
        self.assertRegex(words, r'-append .*test=storm/\S+ seed=7 storm-rounds=5 mode=checked')

    def test_first_failure_ends_it(self):
        self.guest(LOG.replace('ok 1', 'not ok 1'), 35)
        done = self.tarn('soak', '100', '--storms', '--seed', '7')
        self.assertEqual(1, done.returncode)
        self.assertIn('FAIL: 1 of 1 tests failed, first storm/a', done.stdout)
        self.assertIn("soak: repeat: tools/tarn test 'storm/*' --cpus 4 --timeout 900 --cmdline "
                      "'seed=7 storm-rounds=8 mode=checked'\n", done.stdout)
        kept = re.search(r'soak: log: (\S+)', done.stdout).group(1)
        self.assertIn('not ok 1 - storm/a', self.read('soak', os.path.basename(kept)))
        self.assertIn('totals: switches 30', done.stdout)

    def test_ctrl_c_tells_what_was_done(self):
        self.qemu(f'echo x >> "{self.path("count")}"',
                  f'[ $(wc -l < "{self.path("count")}") = 3 ] && exec sleep 1000',
                  f"printf '{LOG}'", 'exit 33')
        process = self.start('soak', '1000', '--storms')
        self.wait_for(lambda: os.path.exists(self.path('count')) and
                      self.read('count').count('x') == 3, 'the third storm')
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        self.assertEqual(128 + signal.SIGINT, process.wait())
        self.assertRegex(said, r', 2 storms, ')
        self.assertIn('totals: switches 60, waits 40, DPCs 2, IPIs 8\n', said)

    def test_kernel_without_storms(self):
        kernel(self.path('tarn.elf'), tests=['a/one'])
        done = self.tarn('soak', '1')
        self.assertEqual(2, done.returncode)
        self.assertIn('no storms', done.stderr)

    def test_bad_words(self):
        for words, text in ((('0',), 'no time limit'), (('1', '--seed', '0'), 'no seed'),
                            (('1', '--rounds', 'x'), 'no number of rounds'),
                            (('1', '--cpus', '0'), 'no number of processors')):
            with self.subTest(words):
                done = self.tarn('soak', *words)
                self.assertEqual(2, done.returncode)
                self.assertIn(text, done.stderr)


class OrderTest(LauncherTest):
    """The turns, with commands that are only written down."""

    def setUp(self):
        super().setUp()
        kernel(self.path('tarn.elf'), tests=['storm/a', 'b/one'], crashes=[('a/b', '0xA * * * *')])
        self.commands = []
        self.words = []
        self.fails = None
        run, clock = endurance._run, endurance.time
        self.addCleanup(setattr, endurance, '_run', run)
        self.addCleanup(setattr, endurance, 'time', clock)
        self.addCleanup(setattr, endurance, 'FUZZERS', endurance.FUZZERS)
        endurance.FUZZERS = self.path('fuzz')
        self.now = 0.0
        endurance._run = self.note
        endurance.time = SimpleNamespace(monotonic=lambda: self.now)

    def note(self, words, _totals):
        """A storm takes 10 seconds, everything else 4."""
        name = {endurance.MODEL: 'model', self.path('fuzz/a_fuzz'): 'fuzz'}.get(
            words[0]) or words[3]
        self.commands.append(name)
        if name not in ('model', 'fuzz'):
            self.words.append(words)
        self.now += 10 if name == endurance.STORMS else 4
        return (3, 'BUG CHECK') if name == self.fails else (0, '')

    def soak(self, seconds, **options):
        options = SimpleNamespace(**{'cpus': 4, 'rounds': 1, 'seed': 5, 'storms': False, **options})
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = endurance.run(seconds, options, elf.Elf(self.path('tarn.elf')))
        return status, said.getvalue()

    def test_storms_and_the_matrix_take_turns(self):
        status, said = self.soak(40)
        model = ['model'] if os.path.exists(endurance.MODEL) else []
        self.assertEqual(0, status)
        names = [name for name in self.commands if name not in ('model', endurance.STORMS)]
        turn = ['storm', 'other', 'other', 'other']
        kinds = ['storm' if name == endurance.STORMS else 'other'
                 for name in self.commands if name != 'model']
        self.assertEqual(model, self.commands[:1] if model else [])
        self.assertEqual((turn + turn)[:len(kinds)], kinds)
        self.assertEqual(len(set(names)), len(names), 'each scenario before any comes again')
        self.assertEqual(['5', '6'], re.findall(r'seed (\d+),', said))

    def test_stores_are_kept_on_one_processor_and_on_four(self):
        kernel(self.path('tarn.elf'), tests=['storm/a', 'store/b'])
        status, said = self.soak(60)
        self.assertEqual(0, status)
        stores = [words for words in self.words if words[3] == endurance.STORES]
        self.assertEqual(['1', '4'], [words[words.index('--cpus') + 1] for words in stores][:2])
        self.assertIn('--disk', stores[0])
        self.assertIn('store 1: seed ', said)
        self.assertRegex(said, rf', {len(stores)} stores, ')

    def test_what_a_store_counts_is_added(self):
        totals = {}
        for line in ('# store: page-outs 5, writes 2\n', '# store: page-outs 7, writes 1\r\n',
                     '# store: at most 9 pages Free\n'):
            endurance._read_totals(line, totals)
        self.assertEqual({'page-outs': 12, 'writes': 3}, totals)

    def test_the_matrix_begins_anew(self):
        status, said = self.soak(10000)
        self.assertEqual(0, status)
        self.assertIn('crash/a/b', self.commands)
        self.assertRegex(said, r'\([1-9]\d* times all\)')

    def test_a_scenario_that_fails(self):
        self.fails = 'crash/a/b'
        status, said = self.soak(100000)
        self.assertEqual(3, status)
        self.assertEqual('crash/a/b', self.commands[-1])
        self.assertIn('soak: FAILED: BUG CHECK\n', said)
        self.assertIn('soak: repeat: tools/tarn test crash/a/b\n', said)

    def fuzzer(self):
        os.makedirs(self.path('fuzz'))
        for name in ('a_fuzz', 'crash-of-a', 'pool_model'):
            with open(self.path('fuzz/' + name), 'w', encoding='utf-8'):
                pass

    def test_fuzzers_come_first(self):
        self.fuzzer()
        status, said = self.soak(10)
        self.assertEqual(0, status)
        self.assertEqual(['fuzz', endurance.STORMS],
                         [name for name in self.commands if name != 'model'][:2])
        self.assertEqual(1, self.commands.count('fuzz'))
        self.assertIn('fuzzer a_fuzz\n', said)

    def test_a_fuzzer_that_fails(self):
        self.fuzzer()
        self.fails = 'fuzz'
        status, said = self.soak(10)
        self.assertEqual(1, status)
        self.assertEqual('fuzz', self.commands[-1])
        self.assertIn('a_fuzz -max_len=', said)

    def test_every_allocation_fails_and_not_a_sample(self):
        self.soak(10000)
        walks = [words for words in self.words if words[3].startswith('fail-nth-')]
        self.assertTrue(walks)
        for words in walks:
            self.assertIn('fail-nth=all', words)

    def test_a_model_that_fails(self):
        endurance_model = endurance.MODEL
        self.addCleanup(setattr, endurance, 'MODEL', endurance_model)
        endurance.MODEL = '/bin/true'  # it is there and can be run
        self.fails = 'model'
        status, said = self.soak(10)
        self.assertEqual((3, ['model']), (status, self.commands))
        self.assertIn('repeat: tests/model/check', said)


if __name__ == '__main__':
    unittest.main()
