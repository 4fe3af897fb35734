"""`gridpilot agent`: hold one or several microgrids, in a process of their own."""

from __future__ import annotations

import click

from gridpilot.cli.settings import EPILOG, config_option, option


@click.command("agent", epilog=EPILOG)
@option("--broker", required=True, metavar="URL", help="Where the messages are: nats://…, amqp://…, kafka://…, mqtt://…, redis://….")
@option("--run", "run", default="local", help="Name of the run; the environment has the same.")
@option("--role", "roles", multiple=True, required=True, help="Microgrid to hold, such as MG1; again for several.")
@option(
    "--set", "changes", multiple=True, metavar="DEVICE.PARAMETER=VALUE", help="A parameter of a device, in the place of the scenario's."
)
@config_option
def command(broker: str, run: str, roles: tuple[str, ...], changes: tuple[str, ...]) -> None:
    """Control the devices of microgrids, step by step, as an environment elsewhere asks.

    The agent sees messages alone: it carries no grid. Ctrl-C ends it; the environment then says who is missing.
    """
    import asyncio

    from gridpilot.agents.grid.host import serve
    from gridpilot.errors import ConfigError
    from gridpilot.messages.address import IN_MEMORY
    from gridpilot.messages.signing import Keyring
    from gridpilot.messages.wire import Wire

    if broker == IN_MEMORY:
        raise ConfigError("Agents in memory live in the environment's own process; give --broker the URL of a server, as in nats://….")
    read = _changes(changes)

    def ready(_: object) -> None:
        click.echo(f"gridpilot: {', '.join(roles)} of run {run} at {broker}; Ctrl-C ends", err=True)

    def tell(sentence: str) -> None:
        click.echo(f"gridpilot: {sentence}", err=True)

    asyncio.run(serve(broker, run, roles, changes=read, wire=Wire(keyring=Keyring.from_environment()), ready=ready, tell=tell))


def _changes(given: tuple[str, ...]) -> dict[str, float]:
    """Raises `ConfigError` with every entry that is not DEVICE.PARAMETER=NUMBER."""
    from gridpilot.errors import ConfigError, Problem

    found, problems = {}, []
    for entry in given:
        name, equals, value = entry.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            problems.append(Problem(entry, f"expected DEVICE.PARAMETER=NUMBER, found {value!r} for the number"))
        if not equals or "." not in name:
            problems.append(Problem(entry, "expected DEVICE.PARAMETER=NUMBER"))
    if problems:
        raise ConfigError("Some parameters cannot be set.", problems)
    return found
