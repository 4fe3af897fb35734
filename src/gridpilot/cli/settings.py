"""Where the value of an option comes from: command line, then environment, then `--config` file, then default.

Every option `--some-name` is also read from `GRIDPILOT_SOME_NAME`, whichever command it belongs to, and from the key
`some-name` (or `some_name`) of the YAML file that `--config` names. A `.env` file in the working directory adds to the
environment what is not set there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from gridpilot.errors import ConfigError, Problem

PREFIX = "GRIDPILOT_"
EPILOG = (
    "Every option can be set as GRIDPILOT_<OPTION> in the environment or in a .env file, and as a key of the --config file. "
    "The command line wins over the environment, the environment over .env, .env over the file."
)

_FURTHER = "gridpilot.further"

F = TypeVar("F", bound=Callable[..., Any])


class _Sentence(click.ParamType[str]):
    """Text with spaces, of which an environment variable holds several with semicolons between them."""

    name = "text"
    envvar_list_splitter = ";"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value).strip()


SENTENCE = _Sentence()


def option(name: str, *names: str, **attributes: Any) -> Callable[[F], F]:
    """`click.option` which is also read from the environment."""
    long = name.split("/")[0].removeprefix("--")
    attributes.setdefault("show_default", True)
    return click.option(name, *names, envvar=variable(long), **attributes)


def config_option(command: F) -> F:
    """`--config FILE.yaml`: the same keys as the options; unknown ones are an error."""
    return _config_option(command, dict)


def _config_option(command: F, more: Callable[[], Mapping[str, str]]) -> F:
    decorate = click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE.yaml",
        envvar=variable("config"),
        is_eager=True,  # it gives defaults, so it comes before the options that take them
        expose_value=False,
        callback=partial(_use_file, more),
        help="Read options from a file.",
    )
    return decorate(command)


def config_option_with(more: Callable[[], Mapping[str, str]]) -> Callable[[F], F]:
    """`config_option` whose file has further keys, of any shape: `more` maps them to what `further` calls them."""
    return lambda command: _config_option(command, more)


def further(ctx: click.Context) -> dict[str, Any]:
    """What the `--config` file says of those further keys."""
    found: dict[str, Any] = ctx.meta.get(_FURTHER, {})
    return found


def variable(long: str) -> str:
    """The environment variable of an option."""
    return PREFIX + long.upper().replace("-", "_")


def read_dotenv(folder: Path | None = None) -> None:
    """Put every `GRIDPILOT_*` of the folder's `.env` into the environment, where it is not set yet.

    Raises `ConfigError` for a file that is not UTF-8 text.
    """
    path = (folder or Path.cwd()) / ".env"
    if not path.is_file():
        return
    # Imported here: most folders have no .env.
    from dotenv import dotenv_values

    try:
        found = dotenv_values(path)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8, or remove it.") from error
    for name, value in found.items():
        if name.startswith(PREFIX) and value is not None:
            os.environ.setdefault(name, value)


def read_file(
    path: Path, params: Mapping[str, str], more: Mapping[str, str] | None = None, repeated: Collection[str] = ()
) -> tuple[dict[str, str | list[str]], dict[str, Any]]:
    """The settings of a YAML file: as text per parameter, and as they are for further keys.

    `params` maps a valid key to its parameter, `more` a further key to its name. A list is one text with commas, but for
    parameters that are `repeated` on the command line. Raises `ConfigError` with every unknown key,
    repeated key, and value of a parameter that is neither a scalar nor a list of them.
    """
    # Imported here: most commands are called without a file.
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a YAML file: {error}") from error
    if root is None:
        return {}, {}
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path} holds no settings; expected lines such as `scenario: six-bus`.")
    found: dict[str, str | list[str]] = {}
    others: dict[str, Any] = {}
    problems: list[Problem] = []
    seen: set[str] = set()
    more = more or {}
    for key_node, value_node in root.value:
        key = str(key_node.value).replace("_", "-")
        where = f"line {key_node.start_mark.line + 1}, {key_node.value}"
        if key not in params and key not in more:
            problems.append(Problem(where, "is no setting of this command"))
        elif params.get(key, key) in seen:
            problems.append(Problem(where, "is set twice"))
        elif key in params:
            problems += [Problem(where, what) for what in _take(value_node, params[key], found, repeated)]
        else:
            others[more[key]] = values[key_node.value]
        seen.add(params.get(key, key))
    if problems:
        raise ConfigError(f"{path} cannot be used.", problems, hint=f"Valid: {', '.join(sorted({*params, *more}))}.")
    return found, others


def _take(node: Any, name: str, found: dict[str, str | list[str]], repeated: Collection[str]) -> Iterator[str]:
    """Put a YAML value, as it is written, under a parameter; yield what is wrong with it."""
    import yaml

    parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(part, yaml.ScalarNode) for part in parts):
        yield "expected a single value, or a list of them"
    elif node.tag != "tag:yaml.org,2002:null":
        texts = [part.value for part in parts]
        found[name] = texts if name in repeated else ",".join(texts)


def _use_file(more: Callable[[], Mapping[str, str]], ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    if path is not None:
        keys, further_keys = _keys(ctx.command), more()
        # A further key may be another name of an option.
        keys |= {key: name for key, name in further_keys.items() if name in keys.values() and key not in keys}
        repeated = {str(param.name) for param in ctx.command.params if param.multiple}
        given, others = read_file(path, keys, {key: name for key, name in further_keys.items() if key not in keys}, repeated)
        ctx.default_map = {**(ctx.default_map or {}), **given}
        ctx.meta[_FURTHER] = others


def _keys(command: click.Command) -> dict[str, str]:
    """Valid key to parameter name: the long name of every option but `--config` and `--help`."""
    found: dict[str, str] = {}
    for param in command.params:
        if isinstance(param, click.Option) and param.name != "config":
            found[max(param.opts, key=len).removeprefix("--")] = param.name
    return found
