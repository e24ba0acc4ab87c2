"""NT's print formats: which argument each conversion takes. Used by format_rules.

Sizes are NT's, not the C library's: `l` is 32 bits, `I64` and `ll` are 64, `I` and `z` are a
pointer's. Floating point and %n do not exist in a kernel.
"""

import re

SPEC = re.compile(r'%(?P<flags>[-+ 0#]*)(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d*))?'
                  r'(?P<size>I64|I32|ll|hh|[Ilhwzt])?(?P<conversion>.)?', re.S)

# Classes of arguments, as the probe of format_rules finds them.
NAMES = {'i': 'a 32-bit integer', 'q': 'a 64-bit integer', 'p': 'a pointer',
         'a': 'a string of CHAR', 'w': 'a string of WCHAR', 'U': 'a UNICODE_STRING pointer',
         'A': 'an ANSI_STRING pointer', 'x': 'a structure, a floating-point or other value'}

INTEGER_SIZES = {None: 'i', 'l': 'i', 'h': 'i', 'hh': 'i', 'I32': 'i', 'w': None,
                 'll': 'q', 'I64': 'q', 'I': 'q', 'z': 'q', 't': 'q'}
POINTERS = 'pawUAq'


class FormatError(Exception):
    """A format that the kernel's printer does not know."""


def _expected(size, conversion):
    """The classes of argument that one conversion accepts."""
    if conversion in 'diuxXo':
        wanted = INTEGER_SIZES[size]
    elif conversion == 'p' and size is None:
        wanted = POINTERS
    elif conversion in 'cC' and size in (None, 'h', 'l', 'w'):
        wanted = 'i'
    elif conversion == 'Z' and size in (None, 'h', 'l', 'w'):
        wanted = 'U' if size in ('w', 'l') else 'A'
    elif conversion in 'sS' and size in (None, 'h', 'l', 'w'):
        wide = size in ('w', 'l') or (size is None and conversion == 'S')
        wanted = 'w' if wide else 'a'
    else:
        wanted = None
    return wanted


def parse(text):
    """[(specification, accepted classes)], one for each argument. Raises FormatError."""
    wanted, position = [], 0
    while (position := text.find('%', position)) >= 0:
        if text.startswith('%%', position):
            position += 2
            continue
        match = SPEC.match(text, position)
        spec, conversion = match.group(), match['conversion']
        accepted = _expected(match['size'], conversion) if conversion else None
        if accepted is None:
            raise FormatError(f"'{spec}' is not a format of DbgPrint")
        wanted += [(spec + ' (the *)', 'i')] * [match['width'], match['precision']].count('*')
        wanted.append((spec, accepted))
        position = match.end()
    return wanted


def compare(text, classes):
    """What is wrong with arguments of these classes under this format, as lines of text."""
    try:
        wanted = parse(text)
    except FormatError as error:
        return [str(error)]
    if len(wanted) != len(classes):
        return [f'the format takes {len(wanted)} arguments, the call has {len(classes)}']
    wrong = []
    for number, ((spec, accepted), given) in enumerate(zip(wanted, classes), 1):
        if given not in accepted:
            takes = 'a pointer' if accepted == POINTERS else NAMES[accepted]
            wrong.append(f'argument {number}: {spec} takes {takes}, this is {NAMES[given]}')
    return wrong
