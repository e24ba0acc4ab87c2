"""Tests of tools/kmdf.py: which slots of the function table it counts as there."""

import contextlib
import io
import os
import subprocess
import unittest

import kmdf
from tarnlib import paths

NM = ['ffffffff81000000 T KiSystemStartup',
      'ffffffff81000010 W FxWdfDriverCreate',
      'ffffffff81000020 T FxWdfMemoryCreate',
      'ffffffff81000030 t FxWdfLocal',
      'ffffffff81000040 T FxObjectCreate',
      'ffffffff81000050 W FxWdfStringCreate',
      '                 U FxWdfUndefined']


class KmdfTest(unittest.TestCase):
    def test_weak_slots_are_missing(self):
        self.assertEqual({'WdfDriverCreate': False, 'WdfMemoryCreate': True,
                          'WdfStringCreate': False}, kmdf.slots(NM))

    def test_line_and_names(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            kmdf.main(['--missing'], NM)
        self.assertEqual(['KMDF: 1 of 3 implemented', 'WdfDriverCreate', 'WdfStringCreate'],
                         out.getvalue().split('\n')[:-1])

    def test_kernel_has_every_slot(self):
        kernel = os.path.join(paths.ROOT, 'build', 'tarn.elf')
        nm = subprocess.run(['nm', kernel], capture_output=True, text=True, check=True)
        table = kmdf.slots(nm.stdout.split('\n'))
        self.assertEqual(458, len(table))
        self.assertTrue(table['WdfMemoryCreate'])
        self.assertFalse(table['WdfUsbTargetPipeWriteSynchronously'])


if __name__ == '__main__':
    unittest.main()
