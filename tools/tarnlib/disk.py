"""The disks of a machine: what the options say, and the words for QEMU.

A disk is a chain of QEMU's block nodes, from the device down: a throttle (--disk-slow), blkdebug,
which fails what --disk-error names, and the image. All options are about the first disk.
"""

import argparse
import os
import re
from typing import NamedTuple

from tarnlib import paths
from tarnlib.errors import USAGE, TarnError

OPERATIONS = ('read', 'write', 'flush')
PAGE_SECTORS = 8  # sectors of 512 bytes in a page, which is the least that the kernel transfers
MOST_RULES = 256  # pages of one option: QEMU gets a rule for each, or several
LAST_SECTOR = (1 << 63) // 512 - 1
NONE = 'none'


class Fault(NamedTuple):
    """What fails: an operation, anywhere (first is None) or where it touches these sectors."""
    operation: str
    first: object
    last: object
    times: int  # for each page of the range, or altogether; 0: always


def fault(text):
    """`write`, `read:SECTOR[-SECTOR]`, either with `:once` or `:xN` behind."""
    match = re.fullmatch('([a-z]+)(?::([0-9]{1,18})(?:-([0-9]{1,18}))?)?(?::(once|x[1-9]))?', text)
    if not match or match[1] not in OPERATIONS or (match[1] == 'flush' and match[2]):
        raise argparse.ArgumentTypeError(
            f'`{text}` is no error of a disk: write read:SECTOR, write:SECTOR-SECTOR or flush, '
            'and :once or :x3 for so many times only')
    first = int(match[2]) if match[2] else None
    last = int(match[3]) if match[3] else first
    times = int((match[4] or 'x0').replace('once', 'x1')[1:])
    if first is not None and not first <= last <= LAST_SECTOR:
        raise argparse.ArgumentTypeError(f'`{text}`: {first}-{last} is no range of sectors')
    one = Fault(match[1], first, last, times)
    if len(_sectors(one)) > MOST_RULES:
        raise argparse.ArgumentTypeError(f'`{text}`: {MOST_RULES} pages are the most, or all')
    return one


def rate(text):
    if not re.fullmatch(r'[0-9]{1,9}', text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f'`{text}` is no rate: write transfers a second')
    return int(text)


def properties(text):
    if not re.fullmatch('[a-z_-]+=[a-z0-9]+(,[a-z_-]+=[a-z0-9]+)*', text):
        raise argparse.ArgumentTypeError(
            f'`{text}` are no properties: write vectors=0,indirect_desc=off '
            '(qemu-system-x86_64 -device virtio-blk-pci,help lists them)')
    return text


def check(machine):
    """One line about options that have nothing to be about."""
    if machine.disk and NONE in machine.disk:
        machine.disk = ()
    for option, value in (('--disk-error', machine.disk_error), ('--disk-slow', machine.disk_slow),
                          ('--disk-read-only', machine.disk_read_only),
                          ('--disk-device', machine.disk_device)):
        if value and not machine.disk:
            raise TarnError(f'{option} needs --disk', USAGE)


def _sectors(one):
    """A sector of each page that the fault is about."""
    if one.first is None:
        return [None]
    behind = range(one.first // PAGE_SECTORS + 1, one.last // PAGE_SECTORS + 1)
    return [one.first] + [page * PAGE_SECTORS for page in behind[:MOST_RULES]]


def _rules(faults):
    words = []
    every = [(one, sector) for one in faults for sector in _sectors(one)
             for _ in range(max(one.times, 1))]
    for number, (one, sector) in enumerate(every):
        rule = f'inject-error.{number}'
        words += [f'{rule}.event=none,{rule}.iotype={one.operation}']
        words += [f'{rule}.sector={sector}'] if sector is not None else []
        words += [f'{rule}.once=on'] if one.times else []
    return words


def _image(size_or_path, name):
    """The path of the image; one of a given size is made anew, empty and sparse."""
    if not isinstance(size_or_path, int):
        if not os.path.isfile(size_or_path):
            raise TarnError(f'--disk {size_or_path}: no such image; give a size to get an empty '
                            'disk', USAGE)
        return size_or_path
    path = paths.build('disk', name + '.img')
    try:
        with open(path, 'wb') as file:
            file.truncate(size_or_path)
    except OSError as error:
        raise TarnError(f'--disk {size_or_path >> 20}M: {error.strerror}', USAGE) from None
    return path


def _chain(machine, number, path):
    """The nodes of one disk, from the image up; the last one is called as the disk is."""
    node = f'disk{number or ""}'
    plain = number != 0
    only = ',read-only=on' if machine.disk_read_only and not plain else ''
    layers = [f'driver=file,filename={path.replace(",", ",,")},cache.no-flush=on']
    result = []
    if machine.disk_error and not plain:
        layers.append(','.join(['driver=blkdebug,image={below}', *_rules(machine.disk_error)]))
    if machine.disk_slow and not plain:
        result += ['-object', f'throttle-group,id=slow,x-iops-total={machine.disk_slow}']
        layers.append('driver=throttle,throttle-group=slow,file={below}')
    for level, layer in enumerate(layers, 1):
        name = node if level == len(layers) else f'{node}-{level}'
        layer = layer.replace('{below}', f'{node}-{level - 1}') if level > 1 else layer
        result += ['-blockdev', f'{layer},node-name={name}{only}']
    device = f'virtio-blk-pci,drive={node},werror=report,rerror=report'
    if machine.disk_device and not plain:
        device += ',' + machine.disk_device
    return result + ['-device', device]


def words(machine, name):
    """QEMU's words for all disks. name: what the files of this run are called."""
    result = []
    for number, one in enumerate(machine.disk):
        suffix = f'-{number + 1}' if number else ''
        result += _chain(machine, number, _image(one, paths.flat(name) + suffix))
    return result
