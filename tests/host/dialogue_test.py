"""Tests of scripted dialogues, `tarn soak-boots` and `tarn debug`, with a guest made of Python."""

import os
import re
import sys
import unittest

from fakes import LauncherTest
from tarnlib import dialogue
from tarnlib.errors import TarnError

# A prompt as the kernel's: echoes, answers, ends with QEMU's status for `quit`.
GUEST = '''
import os, sys, time
def say(text):
    os.write(1, text.encode())
line = b""
say("# Tarn\\r\\ntarn> ")
while True:
    key = os.read(0, 1)
    if key == b"":
        time.sleep(1000)
    if key == b"\\r":
        word = line.decode()
        say("\\r\\n")
        line = b""
        if word == "quit":
            sys.exit(41)
        if word == "reset":
            sys.exit(0)
        if word == "wait":
            time.sleep(1000)
        say(f"answer to {word}\\r\\nsecond line\\r\\ntarn> ")
    else:
        line += key
        say(key.decode("latin-1"))
'''


class DialogueTest(LauncherTest):
    def setUp(self):
        super().setUp()
        with open(self.path('guest.py'), 'w', encoding='utf-8') as file:
            file.write(GUEST)
        self.qemu(f'exec {sys.executable} -S "{self.path("guest.py")}"')
        self.table(f'talk | | prompt | dialogue {self.path("script")}')

    def talk(self, *lines):
        with open(self.path('script'), 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')
        return self.tarn('test', 'talk')

    def holds(self, *lines):
        done = self.talk(*lines)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn('\nok 1 - talk\n', done.stdout)

    def breaks(self, status, text, *lines):
        done = self.talk(*lines)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertIn('\nnot ok 1 - talk\n', done.stdout)
        self.assertIn(text, done.stdout)

    def test_conversation(self):
        self.holds('; greets', '', 'expect tarn> ', 'send help', 'expect answer to help',
                   'expect /^second \\w+$/', 'expect tarn> ', 'type !i', 'send rql',
                   'expect answer to !irql', 'send quit', 'end quit')
        self.assertIn('answer to !irql', self.read('log', 'talk.log'))

    def test_keys(self):
        self.assertEqual(b'a\x01\t\x1b[A\\', dialogue._keys('a\\x01\\t\\e[A\\\\'))

    def test_answer_that_does_not_come(self):
        self.breaks(4, 'script:4: `nothing` did not come within 0.3 s; last:', 'expect tarn>',
                    'send help', 'timeout 0.3', 'expect nothing')

    def test_text_before_the_last_match_is_gone(self):
        self.breaks(4, 'script:4:', 'send help', 'expect second line', 'timeout 0.3',
                    'expect answer to help')

    def test_refused_text(self):
        self.breaks(1, '`answer to help` must not appear here', 'refuse /answer to \\w+/',
                    'send help', 'expect second line')

    def test_refusal_ends_at_the_match(self):
        self.holds('refuse tarn> x', 'send help', 'expect second line', 'send quit', 'end quit')

    def test_guest_that_dies(self):
        self.breaks(1, 'did not come before the guest ended', 'send reset', 'expect answer')

    def test_wrong_end(self):
        self.breaks(1, 'the guest ended with status 41, not 33 (pass)', 'send quit', 'end pass')
        self.breaks(4, 'the guest did not end within 0.3 s', 'timeout 0.3', 'send wait', 'end quit')

    def test_broken_scripts(self):
        for line, text in (('shout x', '`shout` is no step'), ('end well', '`end` takes one of'),
                           ('timeout soon', 'could not convert'), ('expect /(/', 'missing )')):
            with self.subTest(line):
                done = self.talk('expect tarn', line)
                self.assertEqual(5, done.returncode)
                self.assertIn(f'script:2: {text}', done.stderr)
        os.unlink(self.path('script'))
        with self.assertRaisesRegex(TarnError, 'cannot be read'):
            dialogue.read(self.path('script'))


class SoakTest(LauncherTest):
    """soak-boots runs rows of the real table, against the fake QEMU."""

    def test_flakes_are_counted(self):
        self.qemu(f'echo x >> "{self.path("count")}"', 'printf "1..3\\nok 1 - a/one\\n'
                  'ok 2 - a/two\\n"', f'[ $(wc -l < "{self.path("count")}") = 2 ] && exit 0',
                  'printf "ok 3 - b/three\\n"; exit 33')
        done = self.tarn('soak-boots', '3')
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertRegex(done.stdout, r'boot 2: .*CRASH in b/three')
        self.assertIn(': 3 boots, 1 flakes\n', done.stdout)
        self.assertRegex(done.stdout, r'first TAP line: median \d+\.\d+ s, min \d+\.\d+, max \d')
        kept = re.search(r'\((\S+\.log)\)', done.stdout).group(1)
        self.assertIn('ok 2 - a/two', self.read('soak', os.path.basename(kept)))

    def test_no_flake(self):
        self.guest('1..3\nok 1 - a/one\nok 2 - a/two\nok 3 - b/three\n', 33)
        done = self.tarn('soak-boots', '2')
        self.assertEqual(0, done.returncode, done.stdout)

    def test_unknown_scenario(self):
        self.assertEqual(2, self.tarn('soak-boots', '2', 'nope').returncode)


class DebugTest(LauncherTest):
    def test_kernel_without_its_entry(self):
        done = self.tarn('debug')
        self.assertEqual(5, done.returncode)
        self.assertIn('has no symbol KiSystemStartup', done.stderr)


if __name__ == '__main__':
    unittest.main()
