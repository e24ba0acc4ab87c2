"""Rules on size: a file is read at one sitting, a function on one screen or two."""

import ast
import re

MAX_FILE = 800
MAX_FUNCTION = 80
WARN_FUNCTION = 60


def check_file_size(source, _tree):
    """no source file above 800 lines"""
    if source.kind in ('text', 'table'):
        return
    if len(source.lines) > MAX_FILE:
        yield source.finding(len(source.lines), 'file-size',
                             f'{len(source.lines)} lines; split it (limit {MAX_FILE})')


def _c_functions(source):
    """(first line, name, lines of the body) of each function; its braces stand in column 1."""
    lines = source.code.split('\n')
    opened = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == '{':
            opened = number
        elif line.startswith('}') and opened is not None:
            head = ' '.join(lines[max(0, opened - 8):opened - 1])
            head = re.split(r'[;}]', head)[-1]
            name = re.search(r'(\w+)\s*\(', head)
            macro = re.search(r'\b(?:TEST|TEST_FLAGS|CRASH_TEST|BENCH)\s*\(\s*(\w+)', head)
            found = macro or name
            yield opened, found.group(1) if found else '?', number - opened - 1
            opened = None


def _python_functions(source):
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.name, node.end_lineno - node.lineno


def check_function_size(source, _tree):
    """no function above 80 lines; above 60 is worth a second look"""
    if source.is_c:
        functions = _c_functions(source)
    elif source.kind == 'python':
        try:
            functions = list(_python_functions(source))
        except SyntaxError as error:
            yield source.finding(error.lineno or 1, 'python-syntax', error.msg)
            return
    else:
        return
    for line, name, length in functions:
        if length > MAX_FUNCTION:
            yield source.finding(line, 'function-size',
                                 f'{name} has {length} lines; split it (limit {MAX_FUNCTION})')
        elif length > WARN_FUNCTION:
            yield source.finding(line, 'function-size', f'{name} has {length} lines', warning=True)


RULES = [check_file_size, check_function_size]
