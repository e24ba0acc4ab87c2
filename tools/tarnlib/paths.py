"""Where things are: the repository, the build folder, and the files that a run leaves there."""

import os

from tarnlib.errors import TarnError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(ROOT, 'tests', 'scenarios')


def build(*parts):
    """A path in the build folder (TARN_BUILD names another one); its folder exists afterwards."""
    base = os.environ.get('TARN_BUILD') or os.path.join(ROOT, 'build')
    path = os.path.join(base, *parts)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as error:
        raise TarnError(f'{os.path.dirname(path)}: {error.strerror}: make it writable, or name '
                        'another build folder in TARN_BUILD') from None
    return path


def flat(name):
    """The name of a scenario as a file name."""
    return name.replace('/', '-')


def log(name):
    return build('log', flat(name) + '.log')


def results(name):
    return build('results', flat(name) + '.tsv')


def verdict(name):
    """One line that says how the last run of a scenario ended, and how long it took."""
    return build('log', flat(name) + '.verdict')


def shown(path):
    """The path as a user would type it from the repository."""
    relative = os.path.relpath(path, os.getcwd())
    return path if relative.startswith('..') else relative


def tool(name, group):
    """The path of a program that tools/setup GROUP installs."""
    # shutil.which would load four compression libraries on the way to every boot.
    for folder in [''] if '/' in name else os.get_exec_path():
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise TarnError(f'{name} is missing: run tools/setup {group}')
