"""A processor that comes late for the first try to start it, and what the second try makes of it.

gdb plays a busy host: processor 1 does not run while processor 0 makes its first try. It is let go
when the second try is about to send INIT, or has just sent it, as far as it gets, and then runs
freely. START-2 and START-3 of kernel/hal/startup.c.
"""

import subprocess
import sys
import tempfile
import unittest

from fakes import PROGRAM

LIMIT = '60'  # seconds that the machine may take
HOLD = '''
hbreak HalpSendInit
continue
set scheduler-locking on
continue
delete
'''
LET_GO = '''
thread 2
hbreak *HalpProcessorRuns
hbreak *HalpProcessorStands
continue
delete
thread 1
'''
GO_ON = '''
set scheduler-locking off
hbreak BlGreet
continue
printf "at the greeting %d processors run\\n", KeNumberProcessors
'''


class StartupTest(unittest.TestCase):
    def starts(self, *parts):
        with tempfile.NamedTemporaryFile('w', suffix='.gdb') as script:
            script.write(''.join(parts))
            script.flush()
            done = subprocess.run(
                [sys.executable, PROGRAM, 'debug', '--cpus', '2', '--timeout', LIMIT,
                 '--script', script.name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors='replace')
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn('at the greeting 2 processors run', done.stdout)

    def test_late_processor_before_the_second_init(self):
        """START-2"""
        self.starts(HOLD, LET_GO, 'finish', GO_ON)

    def test_late_processor_behind_the_second_init(self):
        """START-3"""
        self.starts(HOLD, 'finish', LET_GO, GO_ON)


if __name__ == '__main__':
    unittest.main()
