"""Commands and their options, as click knows them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gridpilot.cli.main import COMMANDS, cli
from gridpilot.profiles.location import VARIABLE
from reference.markdown import code, doc, table


def commands(_: str) -> str:
    """Every command and what it is for."""
    return table(["command", "what it does"], [[code(f"gridpilot {name}"), text] for name, text in COMMANDS.items()])


def command(name: str) -> str:
    """One command: how it is called, what it says of itself, and its options; a group's commands below each other."""
    found = _find(name)
    if isinstance(found, click.Group):
        return "\n\n".join(f"### `gridpilot {name} {own}`\n\n{command(f'{name} {own}')}" for own in sorted(found.commands))
    arguments = " ".join(str(p.metavar or p.human_readable_name.upper()) for p in found.params if isinstance(p, click.Argument))
    usage = f"```console\n$ gridpilot {name} [OPTIONS]{f' {arguments}' if arguments else ''}\n```"
    rows = [_row(option) for option in options(found)]
    return f"{usage}\n\n{doc(found.callback)}\n\n{table(['option', 'default', 'variable', 'meaning'], rows)}"


def _find(name: str) -> click.Command:
    found: click.Command = cli
    context = click.Context(cli)
    for part in name.split():
        assert isinstance(found, click.Group)
        own = found.get_command(context, part)
        assert own is not None, f"there is no command {name}"
        found = own
    return found


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, with its full name."""
    for name in COMMANDS:
        found = _find(name)
        if isinstance(found, click.Group):
            yield from ((f"{name} {own}", child) for own, child in sorted(found.commands.items()))
        else:
            yield name, found


def options(found: click.Command) -> list[click.Option]:
    """The options of a command but `--help`."""
    return [param for param in found.params if isinstance(param, click.Option) and param.name != "help"]


def _row(option: click.Option) -> list[str]:
    names = "/".join([*option.opts, *option.secondary_opts])
    values = f" {_values(option)}" if not option.is_flag else ""
    return [code(names + values), code(_default(option)), code(option.envvar or ""), option.help or ""]


def _values(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    return {"integer range": "N", "float range": "X", "path": "PATH", "file": "FILE", "directory": "DIR"}.get(option.type.name, "NAME")


def _default(option: click.Option) -> str:
    default = option.default
    if option.is_flag and option.secondary_opts:
        return option.opts[0] if default is True else option.secondary_opts[0]
    return "" if default is None or option.is_flag or type(default).__name__ == "Sentinel" else str(default)


def variables(_: str) -> str:
    """Every environment variable, and the options it sets."""
    found: dict[str, list[str]] = {}
    for name, own in leaves():
        for option in options(own):
            if option.envvar:
                found.setdefault(str(option.envvar), []).append(name)
    rows = [[code(variable), ", ".join(code(name) for name in names)] for variable, names in sorted(found.items())]
    rows.append([code(VARIABLE), "every command that reads profiles: the folder above `timeseries/`"])
    return table(["variable", "read by"], rows)
