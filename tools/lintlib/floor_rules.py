"""Rules on the floors: who may include whom, and where public routines are declared.

A file includes headers of its own floor, of a lower one, and of include/. boot/ is included by
nobody else. What drivers may call is declared in include/ only.
"""

import os
import re

# The first folder that fits decides.
FLOORS = [('include/', 0), ('kernel/', 1), ('mm/', 2), ('executive/', 3), ('wdf/', 4),
          ('drivers/', 4), ('monitor/', 5), ('tests/', 5), ('boot/', 6)]

# What a freestanding compiler brings.
COMPILER_HEADERS = {'stddef.h', 'stdint.h', 'stdbool.h', 'limits.h', 'stdatomic.h', 'cpuid.h',
                    'stdalign.h', 'stdnoreturn.h', 'float.h', 'immintrin.h', 'emmintrin.h'}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
PUBLIC_PROTOTYPE = re.compile(
    r'^(?!\s*(?:static|typedef|return|#))[^\n;{}=#]*\bNTAPI\s+'
    r'((?:Ke|Mm|Ex|Ob|Ps|Io|Ldr|Rtl|Vf|Wdf|Hal|Dbg|Zw)[A-Z]\w*)\s*\([^;{}]*\)\s*;', re.M)


def floor_of(path):
    for prefix, floor in FLOORS:
        if path.startswith(prefix):
            return floor
    return None


def resolve(source, quote, name, tree_paths):
    """The path of an included header in the tree, or None."""
    folders = ['include', '']
    if quote == '"':
        folders = [os.path.dirname(source.path), '', 'include']
    for folder in folders:
        path = os.path.normpath(os.path.join(folder, name))
        if path in tree_paths:
            return path
    return None


def _check_one(source, line, name, target):
    mine, theirs = floor_of(source.path), floor_of(target)
    if mine is None or theirs is None:
        return
    if theirs > mine:
        folder = source.path.split('/')[0]
        yield source.finding(line, 'floor',
                             f'{name} is of floor {theirs}, {folder}/ of floor {mine}: reach up '
                             'through a table that the upper floor fills in')
    elif theirs == 6 and mine != 6:
        yield source.finding(line, 'floor', f'{name}: boot/ is included by nobody')


def check_includes(source, tree):
    """an include never points up, and never at nothing"""
    if source.kind not in ('c', 'h', 'asm') or floor_of(source.path) is None:
        return
    if source.path.startswith('tests/host/'):
        return
    paths = {other.path for other in tree}
    text = source.code_with_strings
    for match in INCLUDE.finditer(text):
        quote, name = match.groups()
        line = source.line_of(match.start(1))
        target = resolve(source, quote, name, paths)
        if target is not None:
            yield from _check_one(source, line, name, target)
        elif name not in COMPILER_HEADERS and name != 'stdarg.h':
            yield source.finding(line, 'include', f'{name} is not in the tree')


def check_public_declarations(source, _tree):
    """routines with the drivers' calling convention are declared in include/ only"""
    if not source.is_kernel or source.path.startswith('include/'):
        return
    for match in PUBLIC_PROTOTYPE.finditer(source.code):
        line = source.line_of(match.start(1))
        yield source.finding(line, 'public-declaration',
                             f'declare {match.group(1)} in include/, not here')


RULES = [check_includes, check_public_declarations]
