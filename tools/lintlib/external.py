"""Rules that other programs know better: C's layout (clang-format) and pitfalls (cppcheck)."""

import os
import re
import shutil
import subprocess

from lintlib.source import Finding

CLANG_FORMAT_VERSION = 14
CPPCHECK_SETTINGS = 'tools/lintlib/cppcheck.txt'
CPPCHECK_LINE = re.compile(r'^(\S+?):(\d+):(\w+):([^:]+):(.*)$')


def clang_format():
    """The name of clang-format 14, or None: other versions lay out some lines differently."""
    for name in (f'clang-format-{CLANG_FORMAT_VERSION}', 'clang-format'):
        if shutil.which(name):
            text = subprocess.run([name, '--version'], capture_output=True, text=True).stdout
            if re.search(rf'version {CLANG_FORMAT_VERSION}\.', text):
                return name
    return None


def check_layout(root, sources):
    """the layout of C is what .clang-format says (version 14)"""
    paths = [source.path for source in sources if source.is_c]
    if not paths:
        return
    program = clang_format()
    if program is None:
        yield Finding('.clang-format', 1, 'layout',
                      f'install clang-format-{CLANG_FORMAT_VERSION} (tools/setup does it)')
        return
    result = subprocess.run([program, '--dry-run', '-Werror', *paths], cwd=root,
                            capture_output=True, text=True)
    seen = set()
    for line in result.stderr.split('\n'):
        match = re.match(r'(\S+?):(\d+):\d+: error:', line)
        if match and match.group(1) not in seen:
            seen.add(match.group(1))
            yield Finding(match.group(1), int(match.group(2)), 'layout',
                          f'{program} -i {match.group(1)} (or tools/lint --fix)')
    if result.returncode and not seen:
        yield Finding('.clang-format', 1, 'layout', result.stderr.strip()[:200])


def format_in_place(root, paths):
    program = clang_format()
    if program and paths:
        subprocess.run([program, '-i', *paths], cwd=root, check=True)


def _settings():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cppcheck.txt')
    with open(path, encoding='utf-8') as file:
        return [word for line in file for word in line.split('#')[0].split()]


def check_pitfalls(root, sources):
    """what cppcheck warns about; its settings are tools/lintlib/cppcheck.txt"""
    paths = [source.path for source in sources if source.kind == 'c' and source.is_kernel]
    if not paths:
        return
    if shutil.which('cppcheck') is None:
        yield Finding(CPPCHECK_SETTINGS, 1, 'cppcheck', 'install cppcheck (tools/setup does it)')
        return
    cache = os.path.join(root, 'build', 'cppcheck')
    os.makedirs(cache, exist_ok=True)
    command = ['cppcheck', '--quiet', '-j2', '--cppcheck-build-dir=build/cppcheck',
               '--template={file}:{line}:{severity}:{id}:{message}', '--template-location=',
               *_settings(), *paths]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    for line in result.stderr.split('\n'):
        match = CPPCHECK_LINE.match(line)
        if match:
            path, number, _, name, message = match.groups()
            yield Finding(path, int(number), 'cppcheck', f'{message.strip()} ({name})')
    if result.returncode not in (0, 1):
        yield Finding(CPPCHECK_SETTINGS, 1, 'cppcheck', (result.stdout + result.stderr)[:200])


RULES = [check_layout, check_pitfalls]
