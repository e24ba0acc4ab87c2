"""What every rule looks at: a file of the tree, split once into code, comments and strings."""

import os
import re
import subprocess
from typing import NamedTuple

# Comments, strings and character constants of C, whichever begins first.
C_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

KINDS = {'.c': 'c', '.h': 'h', '.S': 'asm', '.ld': 'ld', '.py': 'python', '.sh': 'shell',
         '.md': 'text', '.txt': 'text', '.cfg': 'text', '.tsv': 'table', '.yml': 'text'}


class Finding(NamedTuple):
    """One violation. `text` says what to do about it; a warning does not fail the run."""
    path: str
    line: int
    rule: str
    text: str
    warning: bool = False

    def __str__(self):
        mark = 'warning: ' if self.warning else ''
        return f'{self.path}:{self.line}: {mark}{self.rule}: {self.text}'


class Comment(NamedTuple):
    line: int
    text: str


def blank(text):
    """The same text with all but its line ends replaced by blanks, so that positions stay."""
    return re.sub(r'[^\n]', ' ', text)


class Source:
    """A file: path (relative to the root), kind, text; for C also `code` and `comments`."""

    def __init__(self, root, path):
        self.root = root
        self.path = path
        with open(os.path.join(root, path), 'rb') as file:
            self.text = file.read().decode('utf-8', 'replace')
        self.lines = self.text.split('\n')
        if self.lines and self.lines[-1] == '':
            self.lines.pop()
        self.kind = self._kind()
        self.comments = []
        self.code = self.text
        self.code_with_strings = self.text
        if self.is_c:
            self._split_c()

    @property
    def is_c(self):
        return self.kind in ('c', 'h')

    @property
    def is_kernel(self):
        """C that ends up in the kernel or in a driver: all but what runs on the host."""
        return self.is_c and not self.path.startswith(('tools/', 'tests/host/'))

    def _kind(self):
        name = os.path.basename(self.path)
        extension = os.path.splitext(name)[1]
        if extension in KINDS:
            return KINDS[extension]
        if name == 'Makefile' or extension == '.mk':
            return 'make'
        first = self.lines[0] if self.lines else ''
        if first.startswith('#!'):
            return 'python' if 'python' in first else 'shell'
        return 'text'

    def _split_c(self):
        """Fills `comments`, `code` (comments and string contents blank), `code_with_strings`."""
        code, with_strings, last = [], [], 0
        for match in C_TOKEN.finditer(self.text):
            token = match.group()
            between = self.text[last:match.start()]
            code.append(between)
            with_strings.append(between)
            last = match.end()
            if token[0] == '/':
                self.comments.append(Comment(self.line_of(match.start()), token))
                code.append(blank(token))
                with_strings.append(blank(token))
            else:
                code.append(token[0] + blank(token[1:-1]) + token[-1])
                with_strings.append(token)
        code.append(self.text[last:])
        with_strings.append(self.text[last:])
        self.code = ''.join(code)
        self.code_with_strings = ''.join(with_strings)

    def line_of(self, position):
        return self.text.count('\n', 0, position) + 1

    def finding(self, line, rule, text, warning=False):
        return Finding(self.path, line, rule, text, warning)


NOT_TEXT = 'tests/fuzz/corpus/'  # inputs that fuzzers found


def list_files(root):
    """Paths of all text files of the tree that are tracked or new, without what git ignores."""
    if os.path.exists(os.path.join(root, '.git')):
        command = ['git', '-C', root, 'ls-files', '-co', '--exclude-standard', '-z']
        names = subprocess.run(command, check=True, capture_output=True).stdout.decode()
        paths = [name for name in names.split('\0') if name]
    else:
        paths = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, names in os.walk(root) for name in names]
    return sorted(path for path in set(paths) if not path.startswith(NOT_TEXT) and
                  os.path.isfile(os.path.join(root, path)))


def load(root, paths=None):
    """Sources of the tree, or of the given paths; binary files are left out."""
    sources = []
    for path in paths or list_files(root):
        with open(os.path.join(root, path), 'rb') as file:
            if b'\0' in file.read(4096):
                continue
        sources.append(Source(root, path))
    return sources
