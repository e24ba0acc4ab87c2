"""Cuts what the guest sends into lines while it arrives, and leaves the firmware's text out.

UEFI firmware and GRUB print on the same serial line before the kernel does. Everything before the
first line that can be the kernel's (`# ...` or a plan) is prelude. A direct or BIOS boot has none.
"""

import re

ESCAPE = re.compile(r'\x1b(\[[0-9;=?]*[A-Za-z]|.)')
KERNEL_LINE = re.compile(r'#( |$)|1\.\.\d')


class LineReader:
    """feed() gives the lines that are complete; `rest` is the begun one, `prelude` the firmware's.

    Bytes map to the characters of the same number (latin-1), so that nothing is lost.
    """

    def __init__(self, firmware=False):
        self.prelude = []
        self.rest = ''
        self._firmware = firmware

    def feed(self, data):
        *complete, self.rest = (self.rest + data.decode('latin-1')).split('\n')
        lines = []
        for line in complete:
            line = line.rstrip('\r')
            if self._firmware:
                line = ESCAPE.sub('', line).lstrip('\r')
                if not KERNEL_LINE.match(line):
                    self.prelude.append(line)
                    continue
                self._firmware = False
            lines.append(line)
        return lines

    def finish(self):
        """The line that was cut off, or ''. The firmware's own last words go to the prelude."""
        rest, self.rest = self.rest.rstrip('\r'), ''
        if rest and self._firmware:
            rest = ESCAPE.sub('', rest).lstrip('\r')
            if not KERNEL_LINE.match(rest):
                self.prelude.append(rest)
                return ''
        return rest
