"""A processor that comes late for the first try to start it, and what the second try makes of it.

gdb plays a busy host: processor 1 does not run while processor 0 makes its first try. It is let go
when the second try is about to send INIT, as far as it gets, and then stands again until INIT is
under way. START-2 of kernel/hal/startup.c.
"""

import subprocess
import sys
import tempfile
import unittest

from fakes import PROGRAM

LIMIT = '60'  # seconds that the machine may take
SCRIPT = '''
hbreak HalpSendInit
continue
set scheduler-locking on
continue
thread 2
delete
hbreak *HalpProcessorRuns
hbreak *HalpProcessorStands
continue
delete
thread 1
finish
set scheduler-locking off
hbreak BlGreet
continue
printf "at the greeting %d processors run\\n", KeNumberProcessors
'''


class StartupTest(unittest.TestCase):
    def test_late_processor_is_started(self):
        """START-2"""
        with tempfile.NamedTemporaryFile('w', suffix='.gdb') as script:
            script.write(SCRIPT)
            script.flush()
            done = subprocess.run(
                [sys.executable, PROGRAM, 'debug', '--cpus', '2', '--timeout', LIMIT,
                 '--script', script.name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors='replace')
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn('at the greeting 2 processors run', done.stdout)


if __name__ == '__main__':
    unittest.main()
