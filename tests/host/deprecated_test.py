"""What the compiler says to a driver that calls a deprecated pool routine: it names the new one.

The snippets are compiled as a driver's author would compile them, against include/ alone.
"""

import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPRECATED = (
    ('ExAllocatePool(PagedPool, 64)', 'use ExAllocatePool2'),
    ("ExAllocatePoolWithTag(PagedPool, 64, 'tseT')", 'use ExAllocatePool2'),
    ("ExAllocatePoolWithTagPriority(PagedPool, 64, 'tseT', HighPoolPriority)",
     'use ExAllocatePool3'),
    ('ExAllocatePoolWithQuota(PagedPool, 64)', 'POOL_FLAG_USE_QUOTA'),
    ("ExAllocatePoolWithQuotaTag(PagedPool, 64, 'tseT')", 'POOL_FLAG_USE_QUOTA'),
)
CURRENT = (
    "ExAllocatePool2(POOL_FLAG_PAGED, 64, 'tseT')",
    "ExAllocatePool3(POOL_FLAG_PAGED, 64, 'tseT', 0, 0)",
    "ExAllocatePoolZero(PagedPool, 64, 'tseT')",
    "ExAllocatePoolUninitialized(PagedPool, 64, 'tseT')",
    "ExAllocatePoolPriorityZero(PagedPool, 64, 'tseT', LowPoolPriority)",
    "ExAllocatePoolPriorityUninitialized(PagedPool, 64, 'tseT', LowPoolPriority)",
    "ExAllocatePoolQuotaZero(PagedPool, 64, 'tseT')",
    "ExAllocatePoolQuotaUninitialized(PagedPool, 64, 'tseT')",
)


class DeprecatedTest(unittest.TestCase):
    def compile(self, expression, *words, header='wdm.h'):
        """(the compiler's status, what it said) for a driver with this expression."""
        source = f'#include <{header}>\nPVOID Take(VOID);\nPVOID Take(VOID)\n' \
                 f'{{\n    return {expression};\n}}\n'
        done = subprocess.run(
            ['gcc', '-x', 'c', '-std=gnu17', '-ffreestanding', '-fshort-wchar', '-mms-bitfields',
             '-Wall', '-Wextra', '-Wno-multichar', *words, '-I', os.path.join(ROOT, 'include'),
             '-c', '-o', '/dev/null', '-'],
            input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def test_deprecated_routines_are_warned_of(self):
        for expression, advice in DEPRECATED:
            with self.subTest(expression):
                status, said = self.compile(expression)
                self.assertEqual(0, status, said)
                self.assertIn('-Wdeprecated-declarations', said)
                self.assertIn(f'‘{expression.split("(")[0]}’ is deprecated',
                              said.replace("'", '‘', 1).replace("'", '’', 1))
                self.assertIn(advice, said)

    def test_each_header_warns(self):
        for header in ('wdm.h', 'ntddk.h', 'ntifs.h'):
            with self.subTest(header):
                self.assertIn('is deprecated', self.compile(DEPRECATED[1][0], header=header)[1])

    def test_a_strict_build_fails(self):
        for expression, _ in DEPRECATED:
            with self.subTest(expression):
                self.assertNotEqual(0, self.compile(expression, '-Werror')[0])

    def test_current_routines_pass_a_strict_build(self):
        for expression in CURRENT:
            with self.subTest(expression):
                self.assertEqual((0, ''), self.compile(expression, '-Werror'))

    def test_the_warning_can_be_silenced(self):
        for expression, _ in DEPRECATED:
            with self.subTest(expression):
                self.assertEqual((0, ''), self.compile(
                    expression, '-Werror', '-Wno-deprecated-declarations'))


if __name__ == '__main__':
    unittest.main()
