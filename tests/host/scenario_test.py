"""Tests of what a glob chooses, of the table, of the ELF reader, and of QEMU's words."""

import os
import unittest

from fakes import BASE, LauncherTest, kernel
from tarnlib import disk, elf, iso, machine, qemu, scenario
from tarnlib.errors import TarnError
from tarnlib.machine import Machine

TESTS = ['a/one', 'a/two', 'b/three', ('b/slow', 1)]


class SelectionTest(LauncherTest):
    def setUp(self):
        super().setUp()
        kernel(self.path('tarn.elf'), tests=TESTS, crashes=[('irql/bad', '0xA * * * *')])
        self.kernel = elf.Elf(self.path('tarn.elf'))
        self.table('# a comment', '', 'first | --cpus 2 | test=a/* x=1 | pass',
                   'all | | test=* | pass', 'quick | | | pass', 'odd | | test=b/* | fail')

    def choose(self, *globs):
        everything = scenario.read_all(self.kernel, self.path('scenarios'))
        return [(job.scenario.name, job.names, job.cmdline)
                for job in scenario.choose(everything, globs, self.kernel)
                if not job.scenario.name.startswith('host/')]

    def test_everything(self):
        self.assertEqual([('first', None, None), ('all', None, None), ('quick', None, None),
                          ('odd', None, None), ('crash/irql/bad', None, None)], self.choose())

    def test_scenario_by_glob(self):
        self.assertEqual([('crash/irql/bad', None, None)], self.choose('crash/*'))

    def test_tests_on_their_first_scenario(self):
        self.assertEqual([('first', ['a/one', 'a/two'], 'x=1 test=a/*')], self.choose('a/*'))

    def test_tests_on_several_scenarios(self):
        self.assertEqual([('first', ['a/one'], 'x=1 test=a/one'),
                          ('all', ['b/three'], 'test=b/three')],
                         self.choose('a/one', 'b/three'))

    def test_a_glob_that_is_partly_elsewhere(self):
        self.assertEqual([('first', ['a/one'], 'x=1 test=a/one'),
                          ('all', ['b/three'], 'test=b/three')], self.choose('*e'))

    def test_test_of_a_scenario(self):
        self.assertEqual([('all', ['a/one'], 'test=a/one')], self.choose('all/a/one'))
        self.assertEqual([('quick', ['a/one', 'a/two'], 'test=a/one,a/two')],
                         self.choose('quick/a/*'))

    def test_a_whole_scenario_covers_its_tests(self):
        self.assertEqual([('all', None, None)], self.choose('all', 'a/one'))
        self.assertEqual([('all', None, None)], self.choose('a/one', 'all'))
        self.assertEqual([('all', None, None), ('quick', ['a/one'], 'test=a/one')],
                         self.choose('all', 'quick/a/one'))

    def test_no_match(self):
        with self.assertRaisesRegex(TarnError, 'nothing matches `c/.`'):
            self.choose('a/one', 'c/*')

    def test_quick_suite_leaves_slow_tests_out(self):
        self.assertEqual(['a/one', 'a/two', 'b/three'], scenario.expand('quiet', self.kernel))
        self.assertEqual(['a/one', 'a/two', 'b/three'], scenario.expand('test=*', self.kernel))
        self.assertEqual(['b/three', 'b/slow'], scenario.expand('test=b/*', self.kernel))
        self.assertEqual(['a/one', 'b/slow'], scenario.expand('test=*/one,b/sl*', self.kernel))
        self.assertEqual([], scenario.expand('test=', self.kernel))

    def test_too_many_names_for_a_command_line(self):
        names = [f'a/{"x" * 50}{number}' for number in range(40)] + ['a/y']
        kernel(self.path('tarn.elf'), tests=names)
        self.kernel = elf.Elf(self.path('tarn.elf'))
        self.table('quick | | test=*x0,*x1* | pass', 'all | | test=* | pass')
        (_, first, _), (_, rest, line) = self.choose('a/*')
        self.assertEqual(12, len(first))
        self.assertEqual('test=a/*', line)
        self.assertEqual(names, rest)

    def test_list(self):
        done = self.tarn('test', '--list', 'a/*', 'odd', 'crash/*')
        self.assertEqual('first\ta/one\tpass\nfirst\ta/two\tpass\nodd\todd\tfail\n'
                         'crash/irql/bad\tcrash/irql/bad\tbugcheck 0xA * * * *\n', done.stdout)

    def test_list_shows_host_tests(self):
        done = self.tarn('test', '--list', 'host/scenario')
        self.assertIn('host/scenario\thost/scenario/list-shows-host-tests\tpass\n', done.stdout)

    def test_host_tests_run_one_by_one(self):
        done = self.tarn('test', 'host/scenario/no-match')
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn('1..1\nok 1 - host/scenario/no-match\n', done.stdout)

    def test_the_real_table_is_sound(self):
        rows = scenario.read_table()
        self.assertEqual('pass', rows[0].expected)
        for row in rows:
            row.machine()


class ElfTest(LauncherTest):
    def setUp(self):
        super().setUp()
        self.elf = elf.Elf(self.path('tarn.elf'))

    def test_tables(self):
        self.assertEqual([('a/one', 'APP-1 A quote.', False), ('a/two', 'APP-1 A quote.', False),
                          ('b/three', 'APP-1 A quote.', False)], self.elf.tests())
        self.assertEqual([('irql/bad', '0xA $block 0x2 0x0 sym:Reader', '')], self.elf.crashes())
        self.assertEqual([('irql/pair', 'instructions', '')], self.elf.benches())

    def test_symbols(self):
        self.assertEqual([(BASE + 16, BASE + 24)], self.elf.extents('Reader'))
        self.assertEqual([], self.elf.extents('Writer'))

    def test_no_tables(self):
        kernel(self.path('bare.elf'))
        self.assertEqual([], elf.Elf(self.path('bare.elf')).tests())

    def test_not_a_kernel(self):
        with self.assertRaisesRegex(TarnError, 'no 64-bit'):
            elf.Elf(__file__)


class MachineTest(LauncherTest):
    def words(self, *layers):
        os.environ['TARN_BUILD'] = self.folder
        self.addCleanup(os.environ.pop, 'TARN_BUILD')
        self.qemu('exit 0')
        os.environ['TARN_QEMU'] = self.path('qemu')
        self.addCleanup(os.environ.pop, 'TARN_QEMU')
        return ' '.join(qemu.command(Machine(*layers), 'x', ('-serial', 'stdio')))

    def test_default_machine(self):
        words = self.words()
        for part in ('-machine q35', '-accel tcg', '-cpu max', '-m 65536k', '-smp 1', '-no-reboot',
                     '-device isa-debug-exit,iobase=0xf4,iosize=0x04', '-nodefaults',
                     '-no-user-config', '-display none', '-serial stdio', f'-kernel {self.folder}'):
            self.assertIn(part, words)
        self.assertNotIn('-append', words)

    def test_later_layers_win(self):
        one = Machine({'cpus': 2, 'mem': 1 << 30}, {'cpus': 3, 'unrelated': 1})
        self.assertEqual((3, 1 << 30), (one.cpus, one.mem))

    def test_icount(self):
        self.assertIn('-accel tcg -icount shift=0,sleep=off -rtc base=2026-01-01,clock=vm',
                      self.words({'icount': True, 'accel': 'auto'}))

    def test_command_line_is_one_word(self):
        self.assertTrue(self.words({'cmdline': 'test=* quiet'}).endswith('-append test=* quiet'))

    def test_sockets(self):
        self.assertIn('-smp 9,sockets=3,cores=3,threads=1 ',
                      self.words({'cpus': 9, 'sockets': 3}))
        with self.assertRaisesRegex(TarnError, '--sockets 2 must divide --cpus 9'):
            Machine({'cpus': 9, 'sockets': 2})

    def test_equal_nodes(self):
        words = self.words({'numa': machine.nodes('2'), 'cpus': 3, 'mem': 128 << 20})
        for part in ('memory-backend-ram,id=node0,size=67108864', 'nodeid=0,memdev=node0,cpus=0-0',
                     'nodeid=1,memdev=node1,cpus=1-2', 'dist,src=0,dst=1,val=20',
                     'dist,src=1,dst=1,val=10', '-m 131072k'):
            self.assertIn(part, words)

    def test_listed_nodes(self):
        words = self.words({'numa': machine.nodes('64M:0-1,192M'), 'cpus': 2,
                            'distance': [(1, 0, 31)]})
        for part in ('-m 262144k', 'memdev=node0,cpus=0-1', 'nodeid=1,memdev=node1 ',
                     'src=0,dst=1,val=31', 'src=1,dst=0,val=31'):
            self.assertIn(part, words)

    def test_node_without_memory(self):
        words = self.words({'numa': machine.nodes('64M:0,0:1'), 'cpus': 2})
        for part in ('-m 65536k', 'memdev=node0,cpus=0', '-numa node,nodeid=1,cpus=1 '):
            self.assertIn(part, words)
        self.assertNotIn('node1', words)

    def test_more_nodes_than_processors(self):
        words = self.words({'numa': machine.nodes('3'), 'cpus': 1, 'mem': 96 << 20})
        self.assertIn('nodeid=0,memdev=node0,cpus=0 ', words)
        self.assertIn('nodeid=2,memdev=node2 ', words)

    def test_empty_disk_is_sparse(self):
        words = self.words({'disk': [256 << 20]})
        self.assertIn('virtio-blk-pci,drive=disk', words)
        status = os.stat(self.path('disk/x.img'))
        self.assertEqual((256 << 20, 0), (status.st_size, status.st_blocks))

    def test_several_disks(self):
        with open(self.path('a,b.img'), 'wb'):
            pass
        words = self.words({'disk': [1 << 20, self.path('a,b.img')]})
        self.assertIn('disk/x.img,cache.no-flush=on,node-name=disk ', words)
        self.assertIn('a,,b.img,cache.no-flush=on,node-name=disk1 ', words)
        self.assertIn('virtio-blk-pci,drive=disk1,', words)

    def test_no_disk(self):
        self.assertNotIn('virtio-blk', self.words({'disk': [1 << 20]}, {'disk': ['none']}))

    def test_disk_that_fails(self):
        words = self.words({'disk': [1 << 20], 'disk_error': [
            disk.fault('write:4-17:once'), disk.fault('read:80:x2'), disk.fault('flush')]})
        chain = ('-blockdev driver=file,filename={},cache.no-flush=on,node-name=disk-1 -blockdev '
                 'driver=blkdebug,image=disk-1,'.format(self.path('disk/x.img')))
        self.assertIn(chain, words)
        rules = [f'event=none,inject-error.{number}.iotype=write,inject-error.{number}.'
                 f'sector={sector},inject-error.{number}.once=on'
                 for number, sector in enumerate((4, 8, 16))]
        rules += [f'event=none,inject-error.{number}.iotype=read,inject-error.{number}.'
                  f'sector=80,inject-error.{number}.once=on' for number in (3, 4)]
        rules += ['event=none,inject-error.5.iotype=flush']
        self.assertIn(','.join(f'inject-error.{number}.{rule}'
                               for number, rule in enumerate(rules)) + ',node-name=disk ', words)

    def test_slow_disk_that_is_read_only(self):
        words = self.words({'disk': [1 << 20, 1 << 20], 'disk_error': [disk.fault('read')],
                            'disk_slow': 50, 'disk_read_only': True, 'disk_device': 'vectors=0'})
        for part in ('node-name=disk-1,read-only=on ', 'node-name=disk-2,read-only=on ',
                     '-object throttle-group,id=slow,x-iops-total=50 ',
                     '-blockdev driver=throttle,throttle-group=slow,file=disk-2,node-name=disk,'
                     'read-only=on ',
                     '-device virtio-blk-pci,drive=disk,werror=report,rerror=report,vectors=0 ',
                     'node-name=disk1 '):
            self.assertIn(part, words)

    def test_devices(self):
        words = self.words({'device': ['edu', 'virtio-rng', 'edu']})
        self.assertIn('-device edu -device virtio-rng-pci-transitional,vectors=5 -device edu -ker',
                      words)

    def test_bad_distance(self):
        with self.assertRaisesRegex(TarnError, 'two different'):
            Machine({'numa': machine.nodes('2'), 'distance': [(0, 2, 30)]})

    def test_options_with_and_without_a_file(self):
        self.assertEqual(['--iso=', 'a/b', '--kernel=', '--iso=x.iso', '--kernel=y.elf'],
                         machine.separate_files(['--iso', 'a/b', '--kernel', '--iso', 'x.iso',
                                                 '--kernel', 'y.elf']))

    def test_sizes(self):
        self.assertEqual([256 << 20, 256 << 20, 4 << 30, 512 << 10],
                         [machine.size(one) for one in ('256', '256M', '4g', '512K')])

    def test_grub_quotes(self):
        self.assertEqual("'test=*' 'a$b' 'it'\\''s'", iso.grub_words("test=*  a$b it's"))
        self.assertIn("multiboot2 /boot/tarn.elf 'test=a'\n", iso.configuration('test=a'))
        self.assertIn('multiboot2 /boot/tarn.elf\n', iso.configuration(''))


if __name__ == '__main__':
    unittest.main()
