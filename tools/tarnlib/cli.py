"""The command line of tools/tarn: picks a command, reads its options, turns errors into one line.

Each command imports what it needs when it runs, so that a test run starts without the debugger's
or the image maker's code.
"""

import argparse
import os
import sys

from tarnlib import errors, machine
from tarnlib.errors import USAGE, TarnError

EPILOG = errors.HELP
ABOUT = """usage: tools/tarn COMMAND [OPTION...]

  run          boots the kernel on this terminal; Ctrl-A X leaves
  test         runs scenarios and prints their raw TAP streams
  prove        runs scenarios side by side under prove and prints its summary
  bench        measures, prints a table, writes build/bench.tsv
  debug        boots to the kernel's entry with gdb attached
  iso          makes a bootable image, build/tarn.iso
  soak         runs storms and all scenarios until SECONDS are over
  soak-boots   boots one scenario N times and reports flakes and times

`tools/tarn COMMAND --help` has the options.

"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message):
        raise TarnError(f'{message}; see {self.prog} --help', USAGE)

    def print_help(self, file=None):
        print(self.format_help(), end='', file=file, flush=True)  # argparse swallows its errors


def _parser(command, text, with_machine=True):
    parser = Parser(prog=f'tools/tarn {command}', description=text, epilog=EPILOG,
                    formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    if with_machine:
        machine.add_options(parser)
    return parser


def _options(parser, argv):
    return parser.parse_intermixed_args(machine.separate_files(argv))


def _kernel(options):
    from tarnlib import elf, paths
    given = getattr(options, 'kernel', None)
    return elf.Elf(given if given else paths.build('tarn.elf'))


def _run(argv):
    parser = _parser('run', 'Boots the kernel on this terminal. Ctrl-A X leaves, Ctrl-A C is '
                            "QEMU's monitor.\nWithout --cmdline the kernel runs its quick suite "
                            'and stops at its prompt.')
    parser.add_argument('--log', metavar='FILE', type=machine.file_name,
                        help='keep what the guest prints there (build/log/run.log)')
    options = _options(parser, argv)
    from tarnlib import terminal
    return terminal.run(vars(options), options.log)


def _test(argv):
    parser = _parser('test', 'Runs the scenarios that a glob names (tests/scenarios, crash/NAME, '
                             'host/FILE), or just the tests\nthat it names, each on the first '
                             'scenario that has it; all scenarios without a glob.\nMachine options '
                             "replace the scenarios' own; --cmdline words follow theirs.")
    parser.add_argument('globs', nargs='*', metavar='GLOB',
                        help='a scenario, a test, or scenario/test')
    parser.add_argument('--list', action='store_true',
                        help='print scenario, test name and expected outcome, a line each')
    parser.add_argument('--junit', metavar='FILE', type=machine.file_name,
                        help='write the results as JUnit XML')
    parser.add_argument('--log', metavar='FILE', type=machine.file_name,
                        help='keep the raw stream there as well')
    parser.add_argument('--table', metavar='FILE', type=machine.file_name,
                        help='another table than tests/scenarios')
    options = _options(parser, argv)
    from tarnlib import suite
    return suite.test(options, _kernel(options))


def _prove(argv):
    parser = _parser('prove', 'Runs scenarios under prove, several at a time, each with its time '
                              'limit.', False)
    parser.add_argument('globs', nargs='*', metavar='GLOB', help='scenarios; all without a glob')
    parser.add_argument('-j', '--jobs', type=machine.processors, metavar='N',
                        default=os.cpu_count() or 1, help='how many at a time (processors)')
    parser.add_argument('--junit', metavar='FILE', type=machine.file_name,
                        help='write the results as JUnit XML')
    options = _options(parser, argv)
    from tarnlib import suite
    return suite.prove(options, _kernel(options))


def _bench(argv):
    parser = _parser('bench', 'Measures in guest instructions (--icount, one processor), prints a '
                              'table and writes build/bench.tsv.')
    parser.add_argument('globs', nargs='*', metavar='GLOB', help='benches; all without a glob')
    options = _options(parser, argv)
    from tarnlib import bench
    return bench.run(vars(options), options.globs, _kernel(options))


def _debug(argv):
    parser = _parser('debug', "Boots to the kernel's 64-bit entry (KiSystemStartup) with gdb "
                              'attached.\nThe serial line goes to build/debug.log.')
    parser.add_argument('--script', metavar='FILE', type=machine.file_name,
                        help='run these gdb commands at the entry, then leave')
    options = _options(parser, argv)
    from tarnlib import debug
    return debug.run(vars(options), options.script, _kernel(options))


def _iso(argv):
    parser = _parser('iso', 'Makes an image that boots under BIOS and UEFI.', False)
    parser.add_argument('--kernel', metavar='FILE', help='the ELF inside (build/tarn.elf)')
    parser.add_argument('--cmdline', metavar='WORDS', default='', type=machine.kernel_words,
                        help="the kernel's command line")
    parser.add_argument('--out', metavar='FILE', type=machine.file_name,
                        help='where to put it (build/tarn.iso)')
    options = _options(parser, argv)
    from tarnlib import iso, paths
    kernel = _kernel(options)
    path = iso.make(kernel.path, options.cmdline, options.out or paths.build('tarn.iso'))
    print(paths.shown(path))
    return errors.PASS


def _soak(argv):
    parser = _parser('soak', 'Runs the model check, then in turns the storms, with a new seed each '
                             'time, and the\nscenarios of the matrix, until the time is over (the '
                             'last run ends behind it). Stops at\nthe first failure with the log '
                             'and how to repeat it; Ctrl-C prints the totals so far.',
                     False)
    parser.add_argument('seconds', nargs='?', type=machine.seconds, metavar='SECONDS',
                        default=1800.0, help='how long (1800)')
    parser.add_argument('--cpus', type=machine.processors, metavar='N', default=4,
                        help='processors of the machines that storm (4)')
    parser.add_argument('--rounds', type=machine.rounds, metavar='N', default=8,
                        help='how much of the quick suite each storm is (8)')
    parser.add_argument('--seed', type=machine.seed, metavar='N',
                        help='the first seed, the next ones follow it (a random one)')
    parser.add_argument('--storms', action='store_true', help='only storms: no model, no matrix')
    options = _options(parser, argv)
    from tarnlib import endurance
    return endurance.run(options.seconds, options, _kernel(options))


def _soak_boots(argv):
    parser = _parser('soak-boots', 'Boots one scenario N times and reports flakes, and the time '
                                   "from the launcher's start to the first TAP line.", False)
    parser.add_argument('count', type=int, metavar='N')
    parser.add_argument('scenario', nargs='?', metavar='SCENARIO',
                        help='the first of tests/scenarios if not given')
    options = _options(parser, argv)
    if options.count < 1:
        parser.error('N must be at least 1')
    from tarnlib import soak
    return soak.run(options.count, options.scenario)


COMMANDS = {'run': _run, 'test': _test, 'prove': _prove, 'bench': _bench, 'debug': _debug,
            'iso': _iso, 'soak': _soak, 'soak-boots': _soak_boots}


def _open_streams():
    """A closed standard stream becomes the null device; else the next file would take its place."""
    for stream, name in enumerate(('stdin', 'stdout', 'stderr')):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            if number != stream:
                os.dup2(number, stream)
                os.close(number)
            setattr(sys, name, open(stream, 'w' if stream else 'r', encoding='utf-8',
                                    closefd=False))


def _drop_output():
    """What could not be written must not be tried again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main(argv):
    """Runs one command; the exit status."""
    from tarnlib import guest
    _open_streams()
    guest.catch_signals()
    try:
        if argv[:1] in (['--help'], ['-h'], ['help']):
            print(ABOUT + EPILOG, flush=True)
            return errors.PASS
        if not argv or argv[0] not in COMMANDS:
            word = f'`{argv[0]}` is no command' if argv else 'a command is missing'
            raise TarnError(f'{word}; use {", ".join(COMMANDS)}, or --help', USAGE)
        status = COMMANDS[argv[0]](argv[1:])
        sys.stdout.flush()
        return status
    except TarnError as error:
        print(f'tarn: {error}', file=sys.stderr)
        return error.status
    except guest.Stopped as stopped:
        print('tarn: stopped', file=sys.stderr)
        return stopped.status
    except BrokenPipeError:  # whoever read the stream has left
        _drop_output()
        return errors.FAILED
    except OSError as error:
        _drop_output()
        print(f'tarn: {error.filename or "system"}: {error.strerror or error}', file=sys.stderr)
        return errors.SETUP
