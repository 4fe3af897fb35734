"""Agents in processes of their own, on this machine, for as long as they are needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

_COMMAND = (sys.executable, "-c", "from gridpilot.cli import main; main()", "agent")


@contextmanager
def agent_processes(url: str, run: str, roles: Sequence[str], processes: int, *, quiet: bool = False) -> Iterator[None]:
    """`gridpilot agent` for these roles, dealt out to so many processes; they end with the block.

    They say on stderr that they listen, and why they stop, unless `quiet`.
    """
    said = subprocess.DEVNULL if quiet else None
    with ExitStack() as stack:
        for k in range(min(processes, len(roles))):
            options = [text for role in roles[k::processes] for text in ("--role", role)]
            command = [*_COMMAND, "--broker", url, "--run", run, *options]
            process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=said))
            stack.callback(process.terminate)
        yield
