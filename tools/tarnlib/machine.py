"""What a guest machine is made of: the options that every command of tools/tarn shares.

The machine column of tests/scenarios is written in the same words, so that a row can be repeated
by hand: `tools/tarn run --cpus 4 --mem 32M ...`.
"""

import argparse
import os
import re

from tarnlib import disk
from tarnlib.errors import USAGE, TarnError

UNITS = {'': 1 << 20, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
DEFAULTS = {'cpus': 1, 'sockets': None, 'mem': 64 << 20, 'numa': None, 'distance': (),
            'disk': (), 'disk_error': (), 'disk_slow': None, 'disk_read_only': False,
            'disk_device': None, 'device': (),
            'accel': 'tcg', 'icount': False, 'cpu': 'max', 'kernel': None,
            'iso': None, 'uefi': False, 'cmdline': '', 'timeout': None}
DISTANCE_SELF, DISTANCE_OTHER = 10, 20
DEVICES = ('edu', 'virtio-rng')
FLAGS_WITH_FILE = ('--iso', '--kernel')
LONGEST_LINE = 4000  # QEMU 7.2 overwrites its own records with 8000 characters, GRUB hangs at 20000
ISO_MARK = (0x8001, b'CD001')  # where ISO 9660 has its name
LARGEST = 1 << 50  # bytes; what is above makes QEMU talk of exabytes


def size(text):
    """Bytes of `256M`, `4G`, `512K`; a bare number counts megabytes, as QEMU's -m does."""
    match = re.fullmatch(r'([0-9]+)([KMG]?)', text.upper())
    amount = int(match.group(1)) * UNITS[match.group(2)] if match else 0
    if not 0 < amount <= LARGEST:
        raise argparse.ArgumentTypeError(f'`{text}` is no size: write 256M or 4G')
    return amount


def file_name(text):
    if not text:
        raise argparse.ArgumentTypeError('`` is no file')
    return text


def size_or_file(text):
    return size(text) if re.fullmatch(r'[0-9]+[KMGkmg]?', text) else file_name(text)


def model(text):
    if text in ('', '?', 'help'):
        raise argparse.ArgumentTypeError(
            f'`{text}` is no processor: qemu-system-x86_64 -cpu help lists them')
    return text


def kernel_words(text):
    """A command line that comes through: the kernel refuses what is too long for it by itself."""
    strange = re.search('[^ -~]', text)
    if strange:
        raise argparse.ArgumentTypeError(f'{strange.group()!a} is no character of a command line')
    if len(text) > LONGEST_LINE:
        raise argparse.ArgumentTypeError(f'{len(text)} characters are too many for a loader')
    return text


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f'`{text}` is no time limit: write seconds')
    return value


def processors(text):
    if not re.fullmatch(r'[0-9]+', text) or not 1 <= int(text) <= 255:
        raise argparse.ArgumentTypeError(f'`{text}` is no number of processors: write 1 to 255')
    return int(text)


def seed(text):
    if not re.fullmatch(r'[0-9]{1,9}', text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f'`{text}` is no seed: write 1 to 999999999')
    return int(text)


def rounds(text):
    if not re.fullmatch(r'[0-9]{1,4}', text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f'`{text}` is no number of rounds: write 1 to 9999')
    return int(text)


def nodes(text):
    """`4` (that many equal nodes) or `SIZE[:CPU[-CPU]],...`: [(bytes or None, cpus or None)].

    A SIZE of 0 is a node without memory.
    """
    if re.fullmatch(r'[0-9]', text) and int(text) > 0:
        return [(None, None)] * int(text)
    result = []
    for part in text.split(','):
        amount, _, cpus = part.partition(':')
        span = re.fullmatch(r'([0-9]+)(?:-([0-9]+))?', cpus)
        if cpus and not (span and int(span[1]) <= int(span[2] or span[1])):
            raise argparse.ArgumentTypeError(f'`{cpus}` is no range of processors: write 0-3')
        result.append((0 if amount == '0' else size(amount), cpus))
    return result


def distance(text):
    match = re.fullmatch(r'([0-9]+)-([0-9]+)=([0-9]+)', text)
    if not match or not DISTANCE_SELF < int(match.group(3)) < 256:
        raise argparse.ArgumentTypeError(f'`{text}` is no distance: write 0-1=21 (11 to 255)')
    return tuple(int(one) for one in match.groups())


def add_options(parser):
    """The shared options. None has a default here: an option not given leaves a Machine as is."""
    group = parser.add_argument_group('machine', argument_default=argparse.SUPPRESS)

    def option(*names, **keywords):
        group.add_argument(*names, default=argparse.SUPPRESS, **keywords)

    option('--cpus', type=processors, metavar='N', help='processors (1)')
    option('--sockets', type=processors, metavar='N',
           help='sockets for the processors; APIC ids have gaps between those of 3, 5, ...')
    option('--mem', type=size, metavar='SIZE',
           help='memory, as 64M or 4G (256M; in tests/scenarios 64M)')
    option('--numa', type=nodes, metavar='N|LIST',
           help='N equal NUMA nodes, or a list SIZE[:CPU[-CPU]],... whose sum is the memory; '
                '0:CPU is a node without memory')
    option('--distance', type=distance, metavar='A-B=D', action='append',
           help='distance of two nodes (20); may be given more than once')
    option('--disk', type=size_or_file, metavar='SIZE|FILE', action='append',
           help='a virtio-blk disk: an empty one of that size, or the image FILE; may be given '
                'more than once; none: no disk (tools/tarn run has one of 256M)')
    option('--disk-error', type=disk.fault, metavar='WHAT', action='append',
           help='the first disk fails: read, write or flush, then :SECTOR or :SECTOR-SECTOR for '
                'some 512-byte sectors only, then :once or :x3 for so many times only (each page)')
    option('--disk-slow', type=disk.rate, metavar='N',
           help='the first disk does N transfers a second at most')
    option('--disk-read-only', action='store_true', help='the first disk refuses to be written')
    option('--disk-device', type=disk.properties, metavar='NAME=VALUE,...',
           help="the first disk's controller has these properties of QEMU's: vectors=0 (it has a "
                'line), indirect_desc=off, queue-size=16, num-queues=1')
    option('--device', choices=DEVICES, action='append',
           help="a PCI device of QEMU's, for the tests of interrupts: edu has a line and one "
                'message (MSI), virtio-rng five messages (MSI-X); may be given more than once')
    option('--accel', choices=('tcg', 'kvm', 'auto'),
           help='tcg (the default), kvm, or auto: kvm where it works')
    option('--icount', action='store_true',
           help='one instruction a nanosecond of guest time; runs repeat exactly (TCG)')
    option('--cpu', type=model, metavar='MODEL', help="QEMU's processor model (max)")
    option('--kernel', metavar='[FILE]',
           help='boot this ELF (build/tarn.elf), without --iso by PVH')
    option('--iso', metavar='[FILE.iso]',
           help='boot through GRUB: from an image made of the kernel, or from FILE.iso')
    option('--uefi', action='store_true', help='UEFI firmware instead of BIOS; implies --iso')
    option('--cmdline', type=kernel_words, metavar='WORDS', help="the kernel's command line")
    option('--timeout', type=seconds, metavar='SECONDS', help='kill the guest after that time')


def separate_files(argv):
    """`--iso` and `--kernel` take a file only if the next word is one: spell that with `=`."""
    words, result = list(argv), []
    while words:
        word = words.pop(0)
        if word == '--':
            return result + [word] + words
        if word in FLAGS_WITH_FILE:
            file = words and (os.path.isfile(words[0]) or words[0].endswith(('.iso', '.elf')))
            word += '=' + (words.pop(0) if file else '')
        result.append(word)
    return result


class Machine:
    """A complete description; `given` holds the options that differ from DEFAULTS' silence."""

    def __init__(self, *layers):
        """Each layer is a mapping of options; later ones win."""
        self.given = {}
        for layer in layers:
            self.given.update({key: layer[key] for key in DEFAULTS if key in layer})
        for key, value in DEFAULTS.items():
            setattr(self, key, self.given.get(key, value))
        if self.numa:
            self._settle_nodes()
        self._check()

    @property
    def firmware_prints(self):
        """UEFI and GRUB under it write on the serial line before the kernel does."""
        return self.uefi

    @property
    def grub(self):
        return self.uefi or self.iso is not None

    def _settle_nodes(self):
        if self.numa[0][0] is None:
            count = len(self.numa)
            if self.cpus >= count:
                bounds = [self.cpus * index // count for index in range(count + 1)]
                spans = [f'{low}-{high - 1}' for low, high in zip(bounds, bounds[1:])]
            else:
                spans = [str(index) if index < self.cpus else '' for index in range(count)]
            share = self.mem // count >> 20 << 20
            if share == 0:
                raise TarnError(f'{count} nodes need at least 1 MB each: give more --mem', USAGE)
            self.numa = [(share, span) for span in spans]
        self.mem = sum(amount for amount, _ in self.numa)
        owners = {}
        for node, (_, cpus) in enumerate(self.numa):
            first, _, last = cpus.partition('-')
            for cpu in range(int(first), int(last or first) + 1) if cpus else ():
                if cpu >= self.cpus or cpu in owners:
                    why = f'there are 0 to {self.cpus - 1}; give more --cpus'
                    if cpu in owners:
                        why = f'node {owners[cpu]} has it'
                    raise TarnError(f'--numa: node {node} takes processor {cpu}, but {why}', USAGE)
                owners[cpu] = node

    def _check(self):
        disk.check(self)
        if self.icount and self.accel == 'kvm':
            raise TarnError('--icount needs TCG: leave --accel kvm out', USAGE)
        if self.icount and self.cpus > 1 and self.accel == 'auto':
            self.accel = 'tcg'
        if self.sockets and self.cpus % self.sockets:
            raise TarnError(f'--sockets {self.sockets} must divide --cpus {self.cpus}', USAGE)
        if self.distance and not self.numa:
            raise TarnError('--distance needs --numa', USAGE)
        for first, second, _ in self.distance:
            if max(first, second) >= len(self.numa) or first == second:
                raise TarnError(f'--distance {first}-{second}: nodes are 0 to '
                                f'{len(self.numa) - 1}, and two different ones', USAGE)
        if self.iso:
            self._check_image()
        if self.iso and self.cmdline:
            raise TarnError(f'{self.iso} has its command line inside: '
                            'use --iso without a file, or leave --cmdline out', USAGE)

    def _check_image(self):
        """A firmware that finds nothing to boot waits without a word; so look before it does."""
        try:
            with open(self.iso, 'rb') as image:
                image.seek(ISO_MARK[0])
                mark = image.read(len(ISO_MARK[1]))
        except OSError as error:
            raise TarnError(f'{self.iso} cannot be read ({error.strerror}): '
                            'use --iso without a file to make one', USAGE) from None
        if mark != ISO_MARK[1]:
            raise TarnError(f'{self.iso} is no ISO image: use --iso without a file to make one',
                            USAGE)
