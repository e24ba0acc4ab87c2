"""Tests of tools/lint: for each rule one tree that it must refuse and one that it must let pass.

Run by `make lint` and by hand: python3 tests/host/lint_test.py
"""

import importlib.machinery
import importlib.util
import os
import shutil
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, 'tools'))

from lintlib import external, floor_rules, format_rules, format_string, mend  # noqa: E402
from lintlib import size_rules, source, text_rules  # noqa: E402


def load_tool(name):
    """A tool without the ending .py, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(ROOT, 'tools', name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


OPENING = '/* A file of the test: it does nothing. */\n'
TYPES = OPENING + '''#pragma once
typedef unsigned int ULONG;
typedef unsigned long long ULONG64;
typedef unsigned short WCHAR;
typedef struct _STRING {
    char *Buffer;
} STRING;
typedef struct _UNICODE_STRING {
    WCHAR *Buffer;
} UNICODE_STRING;
ULONG DbgPrint(const char *Format, ...);
ULONG DbgPrintEx(ULONG Component, ULONG Level, const char *Format, ...);
'''
CALLER = OPENING + '''#include <ntdef.h>
struct FLAGS {
    unsigned Low : 3;
};
void F(ULONG U, ULONG64 Q, void *P, WCHAR *W, UNICODE_STRING *S, struct FLAGS *B,
       struct NOWHERE *O, const char *T)
{
    BODY
}
'''


class LintCase(unittest.TestCase):
    """Writes a small tree, runs rules on it, returns what they said."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)

    def tree(self, files):
        for path, text in files.items():
            full = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w', encoding='utf-8') as file:
                file.write(text)
        return source.load(self.root)

    def rules(self, rule, files):
        """Names of the rules that `rule` finds broken."""
        tree = self.tree(files)
        return [finding.rule for one in tree for finding in rule(one, tree)]

    def refuses(self, rule, name, path, text):
        self.assertIn(name, self.rules(rule, {path: text}))

    def accepts(self, rule, path, text):
        self.assertEqual([], self.rules(rule, {path: text}))


class TextRules(LintCase):
    def test_trailing_blank(self):
        self.refuses(text_rules.check_blanks, 'trailing-blank', 'a.md', 'word \n')
        self.accepts(text_rules.check_blanks, 'a.md', 'word\n')

    def test_tab(self):
        self.refuses(text_rules.check_blanks, 'tab', 'mm/a.c', '\tint A;\n')
        self.accepts(text_rules.check_blanks, 'mm/a.c', '    int A;\n')
        self.accepts(text_rules.check_blanks, 'Makefile', 'all:\n\ttrue\n')

    def test_long_line(self):
        self.refuses(text_rules.check_blanks, 'long-line', 'mm/a.c', 'x' * 101 + '\n')
        self.accepts(text_rules.check_blanks, 'mm/a.c', 'x' * 100 + '\n')

    def test_last_line(self):
        self.refuses(text_rules.check_blanks, 'last-line', 'a.md', 'word')
        self.accepts(text_rules.check_blanks, 'a.md', 'word\n')

    def test_opening(self):
        for path, text in [('mm/a.c', 'int A;\n'), ('mm/b.c', '/* b.c */\nint A;\n'),
                           ('tools/a.py', 'import os\n'), ('tools/a.sh', '#!/bin/sh\ntrue\n')]:
            self.refuses(text_rules.check_opening, 'opening', path, text)
        shutil.rmtree(self.root)
        for path, text in [('mm/a.c', OPENING), ('tools/a.py', '"""Does nothing for a test."""\n'),
                           ('tools/a.sh', '#!/bin/sh\n# a.sh - does nothing for a test\ntrue\n')]:
            self.accepts(text_rules.check_opening, path, text)

    def test_comment_style(self):
        self.refuses(text_rules.check_comment_style, 'comment-style', 'mm/a.c', 'int A; // one\n')
        self.accepts(text_rules.check_comment_style, 'mm/a.c', 'char *A = "// two"; /* one */\n')

    def test_forbidden_words(self):
        for text in ['see /wor' + 'k/main', 'see shar' + 'ed/notes.md', 'from pypi.' + 'org',
                     'written by Clau' + 'de']:
            self.refuses(text_rules.check_forbidden, 'forbidden-word', 'a.md', text + '\n')
        self.accepts(text_rules.check_forbidden, 'a.md', 'framework/shared/ of /usr/share/x\n')

    def test_unfinished_markers(self):
        marker = 'TO' + 'DO'
        self.refuses(text_rules.check_markers, 'unfinished', 'mm/a.c', f'/* {marker}: more */\n')
        self.refuses(text_rules.check_markers, 'unfinished', 'mm/b.c',
                     '/* not ' + 'implemented yet */\n')
        self.refuses(text_rules.check_markers, 'unfinished', 'mm/c.c',
                     'int F(void)\n{\n    return STATUS_NOT_IMPLEMENTED;\n}\n')
        self.refuses(text_rules.check_markers, 'unfinished', 'tools/a.py', f'# {marker}: more\n')

    def test_unfinished_marker_with_an_owner_or_in_a_string(self):
        marker = 'TO' + 'DO'
        self.assertEqual([], self.rules(text_rules.check_markers, {
            'mm/a.c': f'/* {marker}: more */\n', 'docs/open.md': f'- mm/a.c: {marker} by mm\n'}))
        self.accepts(text_rules.check_markers, 'mm/d.c', f'char *Directive = " # {marker} why";\n')
        self.accepts(text_rules.check_markers, 'mm/e.c', f'/* prints `{marker}` for TAP */\n')

    def test_plain_variadics(self):
        for text in ['va_list List;\n', '#include <stdarg.h>\n', '__builtin_va_list List;\n']:
            self.refuses(text_rules.check_variadic, 'va-list', 'kernel/rtl/a.c', text)
        self.accepts(text_rules.check_variadic, 'kernel/rtl/a.c',
                     '__builtin_ms_va_list List; /* not va_list */\n')
        self.accepts(text_rules.check_variadic, 'tests/host/a.c', '#include <stdarg.h>\n')

    def test_fix(self):
        (one,) = self.tree({'mm/a.c': 'int A; // one  \nchar *B = "// two";   '})
        self.assertEqual('int A; /* one */\nchar *B = "// two";\n', mend.fix(one))

    def test_fix_refills_long_comments(self):
        (one,) = self.tree({'mm/a.c': '/*\n * ' + 'word ' * 30 + 'end.\n * Next line.\n */\n'})
        lines = mend.fix(one).split('\n')
        self.assertLessEqual(max(map(len, lines)), 100)
        self.assertIn(' end. Next line.', lines[2])

    def test_fix_opens_up_a_comment_of_one_line(self):
        (one,) = self.tree({'mm/a.c': '/* ' + 'word ' * 30 + '*/\n/* ---- part ' + '-' * 99
                            + ' */\n'})
        lines = mend.fix(one).split('\n')
        self.assertEqual(('/*', ' */'), (lines[0], lines[3]))
        self.assertEqual(100, len(lines[4]))

    def test_fix_keeps_the_indent_of_a_list(self):
        (one,) = self.tree({'mm/a.c': '/*\n *   POOL-1  ' + 'word ' * 20 + 'end\n *           of '
                            'it.\n *   POOL-2  Next.\n */\n'})
        lines = mend.fix(one).split('\n')
        self.assertEqual(' *           word word word end of it.', lines[2])
        self.assertEqual(' *   POOL-2  Next.', lines[3])


class SizeRules(LintCase):
    def test_file_size(self):
        self.refuses(size_rules.check_file_size, 'file-size', 'mm/a.c', 'int A;\n' * 801)
        self.accepts(size_rules.check_file_size, 'mm/a.c', 'int A;\n' * 800)

    def function(self, lines):
        return 'VOID F(VOID)\n{\n' + '    G();\n' * lines + '}\n'

    def test_function_size(self):
        rule = size_rules.check_function_size
        self.refuses(rule, 'function-size', 'mm/a.c', self.function(81))
        self.accepts(rule, 'mm/a.c', self.function(60))
        self.refuses(rule, 'function-size', 'tools/a.py', 'def f():\n' + '    g()\n' * 81)

    def test_function_between_the_limits_is_a_warning(self):
        (one,) = self.tree({'mm/a.c': self.function(80)})
        (finding,) = size_rules.check_function_size(one, [one])
        self.assertTrue(finding.warning)
        self.assertIn('F has 80 lines', finding.text)

    def test_a_test_is_named_by_its_identifier(self):
        (one,) = self.tree({'tests/a.c': 'TEST(PoolAlign, "a/b", "")\n{\n' + '    G();\n' * 90
                            + '}\n'})
        (finding,) = size_rules.check_function_size(one, [one])
        self.assertIn('PoolAlign has 90 lines', finding.text)

    def test_python_syntax(self):
        self.refuses(size_rules.check_function_size, 'python-syntax', 'tools/a.py', 'def f(:\n')


class FloorRules(LintCase):
    HEADERS = {path: OPENING for path in (
        'include/wdm.h', 'kernel/ke/ke.h', 'mm/mm.h', 'wdf/fx.h', 'tests/test.h', 'boot/boot.h')}

    def included(self, path, line):
        return self.rules(floor_rules.check_includes, {**self.HEADERS, path: OPENING + line})

    def test_up_is_refused(self):
        for path, line in [('kernel/ke/a.c', '#include "mm/mm.h"\n'),
                           ('mm/a.c', '#include "wdf/fx.h"\n'),
                           ('mm/b.c', '#include <tests/test.h>\n'),
                           ('include/a.h', '#include "kernel/ke/ke.h"\n'),
                           ('tests/a.c', '#include "boot/boot.h"\n')]:
            self.assertEqual(['floor'], self.included(path, line), path)
            os.remove(os.path.join(self.root, path))

    def test_down_and_level_are_accepted(self):
        for path, line in [('mm/a.c', '#include "kernel/ke/ke.h"\n#include "mm/mm.h"\n'),
                           ('mm/b.c', '#include <wdm.h>\n#include <stddef.h>\n'),
                           ('boot/a.c', '#include "boot.h"\n#include "tests/test.h"\n'),
                           ('mm/c.c', '/* #include "wdf/fx.h" */\n')]:
            self.assertEqual([], self.included(path, line), path)

    def test_unknown_header(self):
        self.assertEqual(['include'], self.included('mm/a.c', '#include "mm/none.h"\n'))

    def test_public_declarations(self):
        rule = floor_rules.check_public_declarations
        self.refuses(rule, 'public-declaration', 'mm/mm.h',
                     'PVOID NTAPI ExAllocatePool(\n    ULONG Type, ULONG Size);\n')
        shutil.rmtree(self.root)
        self.accepts(rule, 'include/wdm.h', 'PVOID NTAPI ExAllocatePool(ULONG Type);\n')
        self.accepts(rule, 'mm/a.c', 'PVOID NTAPI ExAllocatePool(ULONG Type)\n{\n    F();\n}\n'
                     'static VOID NTAPI ExpWorker(PVOID Context);\n')


class FormatStrings(unittest.TestCase):
    GOOD = [('no arguments %%\n', ''), ('%d %u %x %lu %lx %I32x', 'iiiiii'),
            ('%I64x %llu %Iu %zu', 'qqqq'), ('%p %p %p', 'pqw'), ('%s %hs %S %ws %ls', 'aawww'),
            ('%wZ %Z', 'UA'), ('%c %C %-08.3lx', 'iii'), ('%*.*d', 'iii')]
    BAD = [('%d', ''), ('%d', 'ii'), ('%d', 'q'), ('%lx', 'q'), ('%I64x', 'i'), ('%llx', 'i'),
           ('%s', 'w'), ('%ws', 'a'), ('%wZ', 'A'), ('%Z', 'U'), ('%p', 'i'), ('%f', 'x'),
           ('%n', 'p'), ('%q', 'i'), ('100%', ''), ('%I64s', 'a'), ('%*d', 'i')]

    def test_formats_that_exist(self):
        for text, classes in self.GOOD:
            self.assertEqual([], format_string.compare(text, classes), text)

    def test_formats_that_do_not_exist_or_fit(self):
        for text, classes in self.BAD:
            self.assertNotEqual([], format_string.compare(text, classes), text)


@unittest.skipIf(shutil.which('x86_64-linux-gnu-gcc') is None and shutil.which('gcc') is None,
                 'no compiler')
class FormatRules(LintCase):
    def check(self, body):
        tree = self.tree({'include/ntdef.h': TYPES, 'mm/a.c': CALLER.replace('BODY', body)})
        return format_rules.check_formats(self.root, tree)

    def test_good_calls(self):
        self.assertEqual([], self.check(
            'DbgPrint("%u %I64x %p %ws %wZ %d %p %s " "%c\\n", U, Q, P, W, S, B->Low, O, T, *T);\n'
            'DbgPrintEx(1, 2, "%Z %lu\\n", (STRING *)P, U);'))

    def test_bad_calls(self):
        for body in ['DbgPrint("%u\\n", Q);', 'DbgPrint("%I64x\\n", U);', 'DbgPrint("%s\\n", W);',
                     'DbgPrint("%d\\n");', 'DbgPrint("%d\\n", U, U);', 'DbgPrint("%k\\n", U);',
                     'DbgPrintEx(1, 2, "%lx\\n", Q);', 'DbgPrint("%s\\n", P);', 'DbgPrint(T);']:
            findings = self.check(body)
            self.assertEqual(['format'], [finding.rule for finding in findings], body)
            self.assertEqual(('mm/a.c', 9), findings[0][:2], body)

    def test_the_definition_of_a_printer_is_not_a_call(self):
        tree = self.tree({'include/ntdef.h': TYPES, 'kernel/rtl/print.c': OPENING +
                          '#include <ntdef.h>\nULONG DbgPrint(const char *Format, ...)\n{\n'
                          '    return *Format;\n}\n'})
        self.assertEqual([], format_rules.check_formats(self.root, tree))


class External(LintCase):
    def findings(self, rule, text):
        shutil.copy(os.path.join(ROOT, '.clang-format'), self.root)
        return [finding.rule for finding in rule(self.root, self.tree({'mm/a.c': text}))]

    @unittest.skipIf(external.clang_format() is None, 'no clang-format 14')
    def test_layout(self):
        self.assertEqual(['layout'], self.findings(external.check_layout, 'int  A;\n'))
        self.assertEqual([], self.findings(external.check_layout, 'int A;\n'))

    @unittest.skipIf(shutil.which('cppcheck') is None, 'no cppcheck')
    def test_pitfalls(self):
        bad = 'int F(void)\n{\n    int A[4];\n    A[4] = 1;\n    return A[0];\n}\n'
        self.assertIn('cppcheck', self.findings(external.check_pitfalls, bad))
        good = 'int F(void)\n{\n    int A[4] = {0};\n    return A[3];\n}\n'
        self.assertEqual([], self.findings(external.check_pitfalls, good))


class Tool(LintCase):
    def test_exit_and_order(self):
        lint = load_tool('lint')
        self.tree({'mm/b.c': 'int  B;\n', 'mm/a.c': OPENING + 'int A;  \n'})
        findings = lint.check(self.root)
        self.assertEqual(sorted(findings), findings)
        self.assertTrue({'opening', 'trailing-blank'} <= {finding.rule for finding in findings})
        ours = [str(finding) for finding in findings if str(finding).startswith('mm/')]
        self.assertRegex(ours[0], r'^mm/[ab]\.c:\d+: [a-z-]+: .+')


if __name__ == '__main__':
    unittest.main()
