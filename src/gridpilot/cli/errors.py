"""What a user reads when a command cannot go on: a sentence on stderr, an exit code, and no traceback."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from gridpilot.errors import GridpilotError

REFUSED = 2
"""Exit code where an input, a setting or a file is at fault; click's own for a wrong option."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""


class Refused(click.ClickException):
    """The command cannot do what it was asked to; the message says why and what to do."""

    exit_code = REFUSED


class Interrupted(click.ClickException):
    """The user stopped the command; the message says what was kept and what to type next."""

    exit_code = INTERRUPTED

    def show(self, file: object = None) -> None:
        click.echo(f"\n{self.message}", err=True)


@contextmanager
def told(*, standalone: bool = False) -> Iterator[None]:
    """Turn what gridpilot and the operating system raise on purpose into what click shows.

    With `standalone` there is no click around: show it and exit.
    """
    try:
        yield
    except GridpilotError as error:
        _end(Refused(str(error)), error, standalone)
    except KeyboardInterrupt as error:
        _end(Interrupted("Stopped before there was a result."), error, standalone)
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of a pipe has gone: click ends quietly
            raise
        _end(Refused(f"{error.filename or 'The system'}: {error.strerror or error}"), error, standalone)


def _end(shown: click.ClickException, cause: BaseException, standalone: bool) -> None:
    if not standalone:
        raise shown from cause
    shown.show()
    sys.exit(shown.exit_code)
