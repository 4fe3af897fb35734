"""The command line `gridpilot`.

A command is a file here, named in `main.COMMANDS`. It declares its options at the top and imports what it runs inside the
callback, so that `--help` answers before any grid, array library or terminal library is loaded.
"""

from gridpilot.cli.main import main

__all__ = ["main"]
