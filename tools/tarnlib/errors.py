"""Exit statuses of tools/tarn and the one exception by which a host error reaches the user."""

PASS = 0
FAILED = 1      # a test failed, the guest crashed, or its log is broken
USAGE = 2       # the command line, or the guest refused its own
BUGCHECK = 3    # a bug check that nobody expected
TIMEOUT = 4
SETUP = 5       # a tool, the kernel or a file is missing

HELP = """exit status:
  0  pass
  1  a test failed; also a CRASH (the guest died without a verdict) or a broken log
  2  usage: a word of the command line is wrong, or the kernel refused its own
  3  a bug check that was not expected
  4  TIMEOUT: the guest was killed at its time limit
  5  set-up: something is missing on this machine or not built yet
When several scenarios run, the highest of their statuses counts."""


class TarnError(Exception):
    """What is wrong and what to do about it, in one line; `status` is the exit status."""

    def __init__(self, text, status=SETUP):
        super().__init__(text)
        self.status = status
