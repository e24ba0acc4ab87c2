"""What `tools/lint --fix` changes by itself: the width and style of comments, line ends."""

import re

from lintlib.source import C_TOKEN
from lintlib.text_rules import MAX_COLUMNS

RULER = re.compile(r'/\* -+ (.*?) -+ \*/')
COMMENT_LINE = re.compile(r'( *\*)( +)(\S.*)')
LIST_ITEM = re.compile(r'(?:[A-Z]+-\d+|[-*]|\d+\.) +')


def _open_up(line):
    """A comment of one line as the lines it needs: a ruler is cut, other text gets a block."""
    indent = line[:len(line) - len(line.lstrip())]
    ruler = RULER.fullmatch(line.strip())
    if ruler:
        line = f'{indent}/* ---- {ruler.group(1)} '
        return [line + '-' * (MAX_COLUMNS - len(line) - 3) + ' */']
    return [indent + '/*', f'{indent} * {line.strip()[3:-3]}', indent + ' */']


def _overflow(line, follower):
    """The lines that replace a comment line which is too wide and the line behind it."""
    star, blanks, words = COMMENT_LINE.fullmatch(line).groups()
    item = LIST_ITEM.match(words)
    start = star + blanks + ' ' * (item.end() if item else 0)
    cut = line.rfind(' ', 0, MAX_COLUMNS + 1)
    if cut <= len(start):
        return [line, follower]
    head, rest = line[:cut].rstrip(), line[cut + 1:]
    text = follower[len(start):]
    if follower.startswith(start) and re.match(r'[\w(`\'"]', text) and not LIST_ITEM.match(text):
        return [head, f'{start}{rest} {text}']
    return [head, start + rest, follower]


def _refill(text):
    """Moves what stands beyond the last column of a comment to the next line."""
    lines, number = text.split('\n'), 0
    while number < len(lines) - 1:
        line = lines[number]
        if len(line) > MAX_COLUMNS and re.fullmatch(r' */\* .* \*/', line):
            lines[number:number + 1] = _open_up(line)
        elif len(line) > MAX_COLUMNS and COMMENT_LINE.fullmatch(line):
            lines[number:number + 2] = _overflow(line, lines[number + 1])
        number += 1
    return '\n'.join(lines)


def fix(source):
    """The text with what can be mended by rule: // comments, long comments, blanks at line ends."""
    text = source.text
    if source.is_c:
        def star(match):
            token = match.group()
            return '/* ' + token[2:].strip() + ' */' if token.startswith('//') else token
        text = C_TOKEN.sub(star, text)
    if source.kind in ('c', 'h', 'asm', 'ld'):
        text = _refill(text)
    text = re.sub(r'[ \t\r]+$', '', text, flags=re.M)
    return text if text.endswith('\n') or not text else text + '\n'
