"""The formats of DbgPrint and its like, checked by the compiler's own knowledge of types.

gcc's format attribute knows the C library's sizes only (there `l` is 64 bits), so it would be wrong
on every second line. Instead each file that prints is compiled once more behind a generated header
in which every printing routine is a macro. The macro leaves a record in a section: the format, and
the class of each argument as _Generic and __builtin_classify_type see it. The records are read back
and compared with format_string. A printing routine is any that a header declares with a parameter
named ...Format before the dots, so there is no list to keep.
"""

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from lintlib import format_string
from lintlib.source import Finding, load

FLAGS = ['-std=gnu17', '-ffreestanding', '-fshort-wchar', '-mms-bitfields', '-mno-red-zone',
         '-mgeneral-regs-only', '-fno-pic', '-mcmodel=kernel', '-Iinclude', '-I.', '-w', '-O0',
         '-c', '-fkeep-inline-functions', '-fkeep-static-functions',
         '-fno-diagnostics-show-caret']
VARIADIC = re.compile(r'\b(\w+)\s*\(([^(){};]*?),\s*\.\.\.\s*\)')
MAGIC = 0x544D4652
RECORD = struct.Struct('<III32s192s1044s')  # magic, line, count, classes, file, format
SECTION = '.tarn.formats'
MAX_ARGUMENTS = 24

PROBE = r'''
#define PROBE_VALUE(x) (1 ? (x) : (x))
#define PROBE_OTHER(x) (__builtin_classify_type(PROBE_VALUE(x)) == 5 ? 'p' \
    : __builtin_classify_type(PROBE_VALUE(x)) != 1 ? 'x' \
    : sizeof(PROBE_VALUE(x)) == 8 ? 'q' : sizeof(PROBE_VALUE(x)) == 4 ? 'i' : 'x')
#define PROBE_CLASS(x) _Generic(PROBE_VALUE(x), char *: 'a', const char *: 'a', \
    signed char *: 'a', const signed char *: 'a', \
    unsigned char *: 'a', const unsigned char *: 'a', \
    unsigned short *: 'w', const unsigned short *: 'w', STRINGS default: PROBE_OTHER(x)),
struct PROBE_RECORD {
    unsigned Magic, Line, Count;
    char Classes[32], File[192], Format[1044];
};
#define PROBE_RECORD(Text, ...) static const struct PROBE_RECORD ProbeRecord \
    __attribute__((section("SECTION"), used, aligned(64))) = {MAGIC, __LINE__, \
    PROBE_COUNT(__VA_ARGS__), {PROBE_EACH(__VA_ARGS__)}, __FILE__, Text}
#define PROBE_COUNT(...) PROBE_COUNT_(0, ##__VA_ARGS__, NUMBERS)
#define PROBE_EACH(...) PROBE_EACH_(PROBE_COUNT(__VA_ARGS__), ##__VA_ARGS__)
#define PROBE_EACH_(n, ...) PROBE_EACH__(n, ##__VA_ARGS__)
#define PROBE_EACH__(n, ...) PROBE_EACH_##n(__VA_ARGS__)
#define PROBE_EACH_0(...)
'''


def _c_compiler():
    for name in ('x86_64-linux-gnu-gcc', 'x86_64-elf-gcc', 'gcc'):
        if shutil.which(name):
            return name
    return None


def find_printers(tree):
    """{name: (position of the format, header)} of every printing routine that a header declares."""
    printers = {}
    for source in tree:
        if source.kind == 'h' and source.is_kernel:
            for match in VARIADIC.finditer(source.code):
                parameters = match.group(2).split(',')
                if re.search(r'format\s*$', parameters[-1], re.I):
                    printers[match.group(1)] = (len(parameters) - 1, source.path)
    return printers


def probe_header(printers, tree):
    """The text that is included before each file."""
    headers = sorted({path for _, path in printers.values()})
    known = {'STRING': 'A', 'UNICODE_STRING': 'U'}
    have = {name for name in known for source in tree if source.kind == 'h'
            and re.search(rf'\}}[^;{{}}]*\b{name}\b[^;{{}}]*;', source.code)}
    strings = ''.join(f"{name} *: '{known[name]}', const {name} *: '{known[name]}', "
                      for name in sorted(have))
    include = ''.join(f'#include "{path}"\n' for path in headers)
    if have:
        include = '#include <ntdef.h>\n' + include
    names = ', '.join(f'a{n}' for n in range(MAX_ARGUMENTS + 1))
    text = include + PROBE.replace('STRINGS', strings).replace('SECTION', SECTION)
    text = text.replace('MAGIC', hex(MAGIC)).replace(
        'NUMBERS', ', '.join(str(n) for n in range(MAX_ARGUMENTS, -1, -1)))
    text += f'#define PROBE_COUNT_({names}, n, ...) n\n'
    for n in range(1, MAX_ARGUMENTS + 1):
        text += f'#define PROBE_EACH_{n}(a, ...) PROBE_CLASS(a) PROBE_EACH_{n - 1}(__VA_ARGS__)\n'
    for name, (position, _) in sorted(printers.items()):
        before = ''.join(f'p{n}, ' for n in range(position))
        text += (f'#ifndef PROBE_SKIP_{name}\n#define {name}({before}...) '
                 f'({{ PROBE_RECORD(__VA_ARGS__); ({name})({before}__VA_ARGS__); }})\n#endif\n')
    return text


def read_records(data):
    """[(file, line, format, classes)] from the bytes of an ELF64 object file."""
    (table,) = struct.unpack_from('<Q', data, 0x28)
    size, count, names_index = struct.unpack_from('<HHH', data, 0x3A)

    def section(index):  # name, offset, size
        name, = struct.unpack_from('<I', data, table + index * size)
        return name, *struct.unpack_from('<QQ', data, table + index * size + 24)
    names = section(names_index)[1]
    records = []
    for index in range(count):
        name, offset, length = section(index)
        if not data.startswith(SECTION.encode() + b'\0', names + name):
            continue
        for at in range(offset, offset + length - RECORD.size + 1, 64):
            magic, line, given, classes, file, text = RECORD.unpack_from(data, at)
            if magic == MAGIC:
                records.append((file.split(b'\0')[0].decode(), line,
                                text.split(b'\0')[0].decode('utf-8', 'replace'),
                                classes[:given].decode()))
    return records


def _explain(source, stderr):
    """Findings for what the compiler said about the file behind the probe."""
    for line in stderr.split('\n'):
        match = re.match(r'(\S+?):(\d+):\d+: error: (.*)', line)
        if match:
            path, number, message = match.groups()
            if re.search(r'array initiali|invalid initializer|not constant', message):
                message = 'give the format as a literal in the call'
            return [Finding(path, int(number), 'format', message)]
    return [source.finding(1, 'format', stderr.strip()[:160] or 'the compiler failed')]


def _check_file(root, source, header, printers):
    defined = [name for name in printers
               if re.search(rf'\b{name}\s*\([^;{{}}]*\.\.\.\s*\)\s*{{', source.code)]
    with tempfile.TemporaryDirectory() as folder:
        probe, target = os.path.join(folder, 'probe.h'), os.path.join(folder, 'probe.o')
        with open(probe, 'w', encoding='utf-8') as file:
            file.write(header)
        command = [_c_compiler(), *FLAGS, *(f'-DPROBE_SKIP_{name}' for name in defined),
                   '-include', probe, source.path, '-o', target]
        result = subprocess.run(command, cwd=root, capture_output=True, text=True)
        if result.returncode:
            return _explain(source, result.stderr)
        with open(target, 'rb') as file:
            records = read_records(file.read())
    return [Finding(path, line, 'format', text)
            for path, line, format_text, classes in records
            for text in format_string.compare(format_text, classes)]


def _load_cache(path):
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def check_formats(root, sources):
    """the arguments of DbgPrint and its like fit NT's formats (l is 32 bits, I64 and p are 64)"""
    tree = load(root)
    printers = find_printers(tree)
    if not printers or _c_compiler() is None:
        return []
    word = re.compile(r'\b(' + '|'.join(printers) + r')\s*\(')
    todo = [source for source in sources
            if source.kind == 'c' and source.is_kernel and word.search(source.code)]
    header = probe_header(printers, tree)
    base = ' '.join(FLAGS) + header + ''.join(source.text for source in tree if source.kind == 'h')
    cache_path = os.path.join(root, 'build', 'lint-formats.json')
    cache, fresh = _load_cache(cache_path), {}

    def one(source):
        key = hashlib.sha256((base + source.path + source.text).encode()).hexdigest()
        found = [Finding(*item) for item in cache[key]] if key in cache else \
            _check_file(root, source, header, printers)
        fresh[key] = found
        return found
    with ThreadPoolExecutor(2) as pool:
        findings = [finding for found in pool.map(one, todo) for finding in found]
    os.makedirs(os.path.dirname(cache_path), exist_ok=True)
    with open(cache_path, 'w', encoding='utf-8') as file:
        json.dump(fresh, file)
    return findings


RULES = [check_formats]
