"""A scripted conversation with a guest over its serial line, as a person at `make run` has it.

A script has one step a line; blank lines and lines that begin with `;` are comments:

    timeout SECONDS     how long each later step may take (20)
    send TEXT           types TEXT and the enter key; \\xHH, \\t, \\e stand for keys
    type TEXT           types TEXT without the enter key
    expect TEXT         TEXT must appear in what the guest sends after the last match
    expect /REGEX/      the same with a regular expression, ^ and $ at line ends
    refuse TEXT         TEXT must not appear before the next expect matches (TEXT or /REGEX/)
    end STATUS          the guest must end: quit, pass, fail, bugcheck
"""

import os
import re
import subprocess

from tarnlib import errors, paths, qemu, verdict
from tarnlib.errors import TarnError
from tarnlib.guest import Guest
from tarnlib.lines import LineReader

STEPS = ('timeout', 'send', 'type', 'expect', 'refuse', 'end')
ENDS = {'quit': verdict.QUIT, 'pass': verdict.ALL_PASSED, 'fail': verdict.SOME_FAILED,
        'bugcheck': verdict.BUG_CHECK}
STEP_LIMIT = 20.0  # patience costs nothing while all is well, and machines may be busy
ESCAPES = {'t': '\t', 'e': '\x1b', 'b': '\b', 'n': '\n', 'r': '\r', '\\': '\\'}
CONSOLE = ('-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console')


def _keys(text):
    """TEXT with its escapes replaced, as bytes."""
    def one(match):
        word = match.group(1)
        return chr(int(word[1:], 16)) if len(word) == 3 else ESCAPES[word]
    return re.sub(r'\\(x[0-9a-fA-F]{2}|[tebnr\\])', one, text).encode('latin-1')


def _pattern(text):
    if len(text) > 1 and text[0] == text[-1] == '/':
        return re.compile(text[1:-1], re.M)
    return re.compile(re.escape(text))


def read(path):
    """The steps of a script: [(line number, word, argument)]."""
    try:
        with open(path, encoding='utf-8') as file:
            lines = file.read().split('\n')
    except OSError as error:
        raise TarnError(f'{path} cannot be read: {error.strerror}') from None
    except UnicodeDecodeError:
        raise TarnError(f'{path} is no text') from None
    steps = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(';'):
            continue
        word, _, argument = line.partition(' ')
        place = f'{paths.shown(path)}:{number}'
        if word not in STEPS:
            raise TarnError(f'{place}: `{word}` is no step; use {", ".join(STEPS)}')
        if word == 'end' and argument not in ENDS:
            raise TarnError(f'{place}: `end` takes one of {", ".join(ENDS)}')
        try:
            value = {'timeout': float, 'expect': _pattern, 'refuse': _pattern,
                     'end': str}.get(word, _keys)(argument)
        except (ValueError, re.error) as error:
            raise TarnError(f'{place}: {error}') from None
        steps.append((place, word, value))
    return steps


class Dialogue:
    """One conversation. step() gives an error line, or '' when the step held."""

    def __init__(self, guest, firmware, limit, write, log):
        self.guest = guest
        self.limit = limit
        self.write = write
        self.log = log
        self.reader = LineReader(firmware)
        self.text = ''       # what came since the last match
        self.refused = []
        self.patience = STEP_LIMIT
        self.timed_out = False

    def _more(self, until):
        """Takes in what the guest sends next; False at its end or when the time is over."""
        data = self.guest.receive(until)
        if not data:
            return False
        self.log.write(data)
        for line in self.reader.feed(data):
            self.write(line)
        self.text += data.decode('latin-1').replace('\r', '')
        return True

    def _deadline(self):
        return min(self.guest.elapsed() + self.patience, self.limit)

    def _expect(self, pattern):
        until = self._deadline()
        while True:
            match = pattern.search(self.text)
            if match:
                passed = self.text[:match.start()]
                self.text = self.text[match.end():]
                for unwanted in self.refused:
                    found = unwanted.search(passed)
                    if found:
                        return f'`{found.group()}` must not appear here'
                self.refused = []
                return ''
            if not self._more(until):
                self.timed_out = self.guest.elapsed() >= until  # else its output ended
                why = f'within {self.patience:g} s' if self.timed_out else 'before the guest ended'
                tail = ' '.join(self.text.split())[-80:]
                return f'`{pattern.pattern}` did not come {why}; last: `{tail}`'

    def _end(self, how):
        until = self._deadline()
        while self._more(until):
            pass
        if not self.guest.finish(until):
            self.timed_out = True
            return f'the guest did not end within {self.patience:g} s'
        if self.guest.status != ENDS[how]:
            return f'the guest ended with status {self.guest.status}, not {ENDS[how]} ({how})'
        return ''

    def step(self, word, value):
        if word == 'timeout':
            self.patience = value
        elif word in ('send', 'type'):
            if not self.guest.send(value + (b'\r' if word == 'send' else b'')):
                return 'the guest is gone'
        elif word == 'refuse':
            self.refused.append(value)
        else:
            return self._expect(value) if word == 'expect' else self._end(value)
        return ''


def run(script, machine, name, write):
    """Holds the conversation; (exit status, reasons why it failed)."""
    steps = read(os.path.join(paths.ROOT, script))
    words = qemu.command(machine, name, CONSOLE)
    limit = machine.timeout or float('inf')
    with open(paths.log(name), 'wb', buffering=0) as log, \
            Guest(words, stdin=subprocess.PIPE) as guest:
        talk = Dialogue(guest, machine.firmware_prints, limit, write, log)
        for place, word, value in steps:
            wrong = talk.step(word, value)
            if wrong:
                status = errors.TIMEOUT if talk.timed_out else errors.FAILED
                return status, [f'{place}: {wrong}']
    return errors.PASS, []
