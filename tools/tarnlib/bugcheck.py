"""What a guest says when it stops with a bug check, and how that compares with what was expected.

An expectation is five words, `CODE P1 P2 P3 P4`; a word is a hex number, `*` (left open by the
contract), `$name` (the value announced as `# value name 0x...`), `sym:NAME` (an address inside that
symbol) or `not0`. The code is always a number.
"""

import re
from typing import NamedTuple

STOP = re.compile(r'\*\*\* Fatal System Error: 0x([0-9a-fA-F]{8})$')
PARAMETERS = re.compile(r'# +\((0x[0-9A-Fa-f]{16}),(0x[0-9A-Fa-f]{16}),'
                        r'(0x[0-9A-Fa-f]{16}),(0x[0-9A-Fa-f]{16})\)$')
VALUE = re.compile(r'# value ([\w.-]+) 0x([0-9A-Fa-f]{1,16})$')
PATTERN = re.compile(r'\*|not0|\$[\w.-]+|sym:[\w.$]+|0[xX][0-9a-fA-F]+')
CODE = re.compile(r'0[xX][0-9a-fA-F]{1,8}')


class BugCheck(NamedTuple):
    code: int
    parameters: tuple  # four numbers; empty when the line of parameters did not follow

    def __str__(self):
        return f'{self.code:#x} ({", ".join(f"{one:#x}" for one in self.parameters)})'


def problem(expected):
    """What is wrong with the text of an expectation, or ''."""
    words = expected.split()
    if len(words) != 5:
        return f'`{expected}` has {len(words)} words; a code and four parameters are needed'
    if not CODE.fullmatch(words[0]):
        return f'`{words[0]}` is no bug check code; write a hex number'
    for word in words[1:]:
        if not PATTERN.fullmatch(word):
            return f'`{word}` is no pattern; use a hex number, *, $name, sym:NAME or not0'
    return ''


def _mismatch(pattern, actual, values, extents):
    """Why one parameter does not fit its pattern, or ''."""
    if pattern == '*':
        return ''
    if pattern == 'not0':
        return '' if actual else 'expected anything but 0'
    if pattern.startswith('$'):
        if pattern[1:] not in values:
            return f'the guest never announced `{pattern[1:]}`'
        wanted = values[pattern[1:]]
        return '' if actual == wanted else f'expected {pattern} = {wanted:#x}'
    if pattern.startswith('sym:'):
        ranges = extents(pattern[4:])
        if not ranges:
            return f'the kernel has no symbol {pattern[4:]}'
        if any(first <= actual < end for first, end in ranges):
            return ''
        first, end = ranges[0]
        return f'expected {pattern} = {first:#x}..{end - 1:#x}'
    return '' if actual == int(pattern, 16) else f'expected {int(pattern, 16):#x}'


def compare(expected, actual, values, extents):
    """One line for each way in which a BugCheck differs from the expectation; none: it fits.

    values: {name: announced number}; extents: symbol name -> [(first address, end)].
    """
    wrong = problem(expected)
    if wrong:
        return ['expectation ' + wrong]
    code, *patterns = expected.split()
    lines = []
    if actual.code != int(code, 16):
        lines.append(f'code: expected {int(code, 16):#x}, got {actual.code:#x}')
    if not actual.parameters:
        return lines + ['the line of the four parameters is missing after the stop line']
    for number, (pattern, value) in enumerate(zip(patterns, actual.parameters), 1):
        reason = _mismatch(pattern, value, values, extents)
        if reason:
            lines.append(f'parameter {number}: {reason}, got {value:#x}')
    return lines
