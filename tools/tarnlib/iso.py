"""Makes bootable images with grub-mkrescue: one image boots under BIOS and under UEFI.

An image holds the kernel and its command line, so there is one for each pair; they are kept in
build/iso under a name made of both and made again when either changes.
"""

import os
import shutil
import subprocess
import tempfile

from tarnlib import paths
from tarnlib.errors import TarnError

# What the image needs of GRUB. Without the partition maps GRUB prints an error for each, which
# costs 0.16 s under TCG; with every module there is the image is 20 MB and 0.05 s slower.
MODULES = ('normal multiboot2 part_acorn part_amiga part_apple part_bsd part_dfly part_dvh '
           'part_gpt part_msdos part_plan part_sun part_sunpc')
TEMPLATE = os.path.join(paths.ROOT, 'boot', 'grub.cfg')
NEEDED = ('grub-mkrescue', 'xorriso', 'mformat')


def grub_words(cmdline):
    """The command line in GRUB's quotes, so that it changes nothing in it."""
    return ' '.join("'" + word.replace("'", "'\\''") + "'" for word in cmdline.split())


def configuration(cmdline):
    with open(TEMPLATE, encoding='utf-8') as file:
        return file.read().replace(' @CMDLINE@', (' ' + grub_words(cmdline)).rstrip())


def make(kernel, cmdline, out=None):
    """The path of an image that boots this kernel with this command line; made if need be."""
    import hashlib  # costs a few milliseconds, which a direct boot does not have to pay
    config = configuration(cmdline)
    with open(kernel, 'rb') as file:
        stamp = hashlib.sha256(file.read() + config.encode()).hexdigest()[:16]
    path = paths.build('iso', stamp + '.iso')
    if not os.path.exists(path):
        _forget_old(kernel)
        _build(kernel, config, path)
    if out:
        shutil.copyfile(path, out)
        return out
    return path


def _forget_old(kernel):
    """Removes the images that were made before the kernel was; nothing will ask for them."""
    folder = os.path.dirname(paths.build('iso', 'x'))
    newest = os.path.getmtime(kernel)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            if name.endswith('.iso') and os.path.getmtime(path) < newest:
                os.unlink(path)
        except FileNotFoundError:
            pass  # another run was faster


def _build(kernel, config, path):
    for tool in NEEDED:
        paths.tool(tool, 'iso')
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        tree = os.path.join(folder, 'tree')
        os.makedirs(os.path.join(tree, 'boot', 'grub'))
        shutil.copyfile(kernel, os.path.join(tree, 'boot', 'tarn.elf'))
        with open(os.path.join(tree, 'boot', 'grub', 'grub.cfg'), 'w', encoding='utf-8') as file:
            file.write(config)
        image = os.path.join(folder, 'image.iso')
        done = subprocess.run(
            ['grub-mkrescue', f'--install-modules={MODULES}', '--locales=', '--fonts=',
             '--themes=', '-o', image, tree],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode or not os.path.exists(image):
            words = done.stdout.decode('utf-8', 'replace').strip().split('\n')[-1]
            raise TarnError(f'grub-mkrescue failed ({words}): run tools/setup iso')
        os.replace(image, path)
