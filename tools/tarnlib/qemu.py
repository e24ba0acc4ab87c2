"""The one place that knows QEMU's command line: turns a Machine into words for exec."""

import os

from tarnlib import disk, elf, paths
from tarnlib.errors import USAGE, TarnError
from tarnlib.machine import DISTANCE_OTHER, DISTANCE_SELF

GRUB_MEMORY = 2 << 20  # what GRUB needs besides the kernel: measured, 1 MB less and it hangs
# Controllers that no guest of ours drives cost start-up time: 13 of 68 ms to the first byte. The
# SATA bus stays for GRUB, which boots from its CD.
BOARD = 'q35,usb=off,smbus=off,vmport=off'
EXIT_DEVICE = 'isa-debug-exit,iobase=0xf4,iosize=0x04'
# What --device's names mean. The virtio device's port interface is the one that is small to drive.
DEVICE_WORDS = {'edu': 'edu', 'virtio-rng': 'virtio-rng-pci-transitional,vectors=5'}
# Where distributions put a UEFI image that holds code and variables, or the code alone.
UEFI_IMAGES = ('/usr/share/ovmf/OVMF.fd', '/usr/share/edk2/x64/OVMF.4m.fd',
               '/usr/share/edk2/x64/OVMF.fd', '/usr/share/edk2-ovmf/x64/OVMF.fd',
               '/usr/share/OVMF/OVMF_CODE.fd', '/usr/share/edk2/ovmf/OVMF_CODE.fd',
               '/usr/share/qemu/ovmf-x86_64.bin')


def program():
    """QEMU itself; TARN_QEMU names another one, which the tests of the launcher do."""
    return paths.tool(os.environ.get('TARN_QEMU') or 'qemu-system-x86_64', 'run')


def kernel(machine):
    """The kernel that the machine boots, which must be one and fit into the memory.

    Without this look a machine that is too small would wait without a word: no code of ours runs.
    """
    path = machine.kernel or paths.build('tarn.elf')
    needed = elf.memory_end(path) + (GRUB_MEMORY if machine.grub else 0)
    if machine.mem < needed:
        raise TarnError(f'--mem {machine.mem >> 10}K is too little: {paths.shown(path)} needs '
                        f'{-(-needed >> 20)}M to start', USAGE)
    return path


def _uefi_image():
    for path in (os.environ.get('TARN_OVMF'),) + UEFI_IMAGES:
        if path and os.path.isfile(path):
            return path
    raise TarnError('no UEFI firmware: run tools/setup test, or name OVMF.fd in TARN_OVMF')


def _accelerator(machine):
    usable = os.access('/dev/kvm', os.R_OK | os.W_OK)
    if machine.accel == 'kvm' and not usable:
        raise TarnError('/dev/kvm cannot be used: leave --accel kvm out, or ask for access to it')
    if machine.accel == 'tcg' or machine.icount or not usable:
        words = ['-accel', 'tcg']
        if machine.icount:
            words += ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2026-01-01,clock=vm']
        return words
    return ['-accel', 'kvm']


def _processors(machine):
    if not machine.sockets:
        return str(machine.cpus)
    cores = machine.cpus // machine.sockets
    return f'{machine.cpus},sockets={machine.sockets},cores={cores},threads=1'


def _nodes(machine):
    words = []
    for number, (amount, cpus) in enumerate(machine.numa):
        node = f'node,nodeid={number}'
        if amount:
            words += ['-object', f'memory-backend-ram,id=node{number},size={amount}']
            node += f',memdev=node{number}'
        words += ['-numa', node + (f',cpus={cpus}' if cpus else '')]
    known = {(first, second): far for first, second, far in machine.distance}
    count = len(machine.numa)
    for first in range(count):
        for second in range(count):
            far = known.get((first, second), known.get((second, first), DISTANCE_OTHER))
            if first == second:
                far = DISTANCE_SELF
            words += ['-numa', f'dist,src={first},dst={second},val={far}']
    return words


def _devices(machine):
    words = []
    for name in machine.device:
        words += ['-device', DEVICE_WORDS[name]]
    return words


def _boot(machine):
    if not machine.grub:
        return ['-kernel', kernel(machine)] + (
            ['-append', machine.cmdline] if machine.cmdline else [])
    from tarnlib import iso
    image = machine.iso or iso.make(kernel(machine), machine.cmdline)
    words = ['-bios', _uefi_image()] if machine.uefi else []
    escaped = image.replace(',', ',,')
    return words + ['-drive', f'file={escaped},if=none,id=cd,format=raw,media=cdrom,readonly=on',
                    '-device', 'ide-cd,drive=cd,bus=ide.0,bootindex=0']


def command(machine, name, serial):
    """All words. name: what the files of this run are called; serial: words for the console."""
    board = BOARD + ('' if machine.grub else ',sata=off')
    words = [program(), '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
             '-machine', board, *_accelerator(machine), '-cpu', machine.cpu,
             '-m', f'{machine.mem >> 10}k', '-smp', _processors(machine), '-device', EXIT_DEVICE,
             *serial]
    if machine.numa:
        words += _nodes(machine)
    if machine.disk:
        words += disk.words(machine, name)
    return words + _devices(machine) + _boot(machine)
