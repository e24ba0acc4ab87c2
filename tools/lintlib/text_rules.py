"""Rules on the text of one file: blanks, line length, comments, words that must not appear."""

import re

MAX_COLUMNS = 100

# Written so that no pattern matches its own line.
FORBIDDEN = [
    (r'/wor[k]/|/roo[t]/|/hom[e]/\w', 'a path of one machine: name it relative to the repository'),
    (r'(?<![\w/])share[d]/', 'a folder that is not in the repository'),
    (r'\b(registry\.npmjs[.]org|pypi[.]org|files\.pythonhosted[.]org|crates[.]io|'
     r'proxy\.golang[.]org|sum\.golang[.]org|repo\.maven\.apache[.]org)',
     'the host of a package registry: say which package it is instead'),
    (r'(?i)\b(claud[e]|anthropi[c]|opena[i]|chatgp[t])\b', 'not a word of this project'),
]
MARKER = re.compile(r'(?<![`\w#])(TO[D]O|FIX[M]E|XX[X]|HAC[K])(?![`\w])')
STUB = re.compile(r'(?i)\b(not (yet )?implemente[d]|unimplemente[d])\b')
PLAIN_VARIADIC = re.compile(
    r'\b(va_list|va_start|va_arg|va_end|va_copy)\b|__builtin_va_(list|start|arg|end|copy)\b'
    r'|<stdarg\.h>')

STYLED = ('c', 'h', 'asm', 'ld', 'python', 'shell')


def check_blanks(source, _tree):
    """trailing blanks, tabs, carriage returns, a missing last line end, long lines"""
    if source.kind == 'table':
        return
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip():
            yield source.finding(number, 'trailing-blank', 'remove the blanks at the end')
        if '\t' in line and source.kind in ('c', 'h', 'asm', 'ld', 'python'):
            yield source.finding(number, 'tab', 'indent with blanks')
        if len(line) > MAX_COLUMNS and source.kind in STYLED:
            yield source.finding(number, 'long-line',
                                 f'{len(line)} columns; break it at {MAX_COLUMNS}')
    if source.text and not source.text.endswith('\n'):
        yield source.finding(len(source.lines), 'last-line', 'end the file with a line end')


# How the first comment of a file begins and ends.
OPENINGS = {'python': (r'"""', r'"""'), 'shell': (r'#', r'\n[^#]'),
            'asm': (r'/\*|#', r'\*/|\n[^#\s]')}


def check_opening(source, _tree):
    """a file opens with a comment that says what it does and for whom"""
    if source.kind not in STYLED or not source.text.strip():
        return
    begin, end = OPENINGS.get(source.kind, (r'/\*', r'\*/'))
    text = re.sub(r'^#!.*\n', '', source.text).lstrip()
    match = re.match(begin, text)
    words = re.split(end, text[match.end():], maxsplit=1)[0] if match else ''
    if len(re.findall(r'\w+', words)) < 4:
        yield source.finding(1, 'opening', 'open the file with a comment: what it does, for whom')


def check_comment_style(source, _tree):
    """comments of C are /* */"""
    for comment in source.comments:
        if comment.text.startswith('//'):
            yield source.finding(comment.line, 'comment-style',
                                 'write /* */ (tools/lint --fix does it)')


def check_forbidden(source, _tree):
    """words that do not belong in the repository"""
    for number, line in enumerate(source.lines, 1):
        for pattern, advice in FORBIDDEN:
            match = re.search(pattern, line)
            if match:
                yield source.finding(number, 'forbidden-word', f"'{match.group()}': {advice}")


def _remarks(source):
    """(line, text) of what a person wrote beside the code."""
    if source.is_c:
        yield from source.comments
    elif source.kind in ('asm', 'ld', 'python', 'shell', 'make'):
        for number, line in enumerate(source.lines, 1):
            match = re.search(r'(^|\s)#(.*)|/\*.*', line)
            if match:
                yield number, match.group()


def check_markers(source, tree):
    """unfinished markers need a line in docs/ that names the file and the marker"""
    owned = [line for other in tree if other.path.startswith('docs/') for line in other.lines
             if source.path in line]
    for number, text in _remarks(source):
        for match in list(MARKER.finditer(text)) + list(STUB.finditer(text)):
            word = match.group()
            if not any(word in line for line in owned):
                where = number + text.count('\n', 0, match.start())
                yield source.finding(where, 'unfinished',
                                     f"'{word}': finish it, or name {source.path} and the word "
                                     'in a line of docs/')
    if source.is_kernel:
        for match in re.finditer(r'\breturn\s+STATUS_NOT_IMPLEMENTED\b', source.code):
            if not any('STATUS_NOT_IMPLEMENTED' in line for line in owned):
                yield source.finding(source.line_of(match.start()), 'unfinished',
                                     'fail loudly by name (or own it in docs/)')


def check_variadic(source, _tree):
    """only __builtin_ms_va_list reads the arguments of a public variadic routine"""
    if not source.is_kernel:
        return
    for match in PLAIN_VARIADIC.finditer(source.code):
        yield source.finding(source.line_of(match.start()), 'va-list',
                             f"'{match.group()}': use __builtin_ms_va_list and its __builtin_ms_ "
                             'forms; the plain ones read the wrong registers')


RULES = [check_blanks, check_opening, check_comment_style, check_forbidden, check_markers,
         check_variadic]
