"""`gridpilot security`: what the loss of each branch would do to a grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, config_option, option
from gridpilot.errors import ConfigError

if TYPE_CHECKING:
    from gridpilot.network import Case, Network
    from gridpilot.powerflow.contingency import Points, Security
    from gridpilot.powerflow.ranking import OutageRow

_FILES = (".m", ".json")


@click.command("security", epilog=EPILOG)
@option("--scenario", default="six-bus", help="Grid whose first state is examined.")
@option("--case", default="", show_default=False, metavar="NAME|FILE", help="Examine this case instead, such as case14 or grid.m.")
@option("--profiles", default="simbench", help="Load and weather: a name of `gridpilot data list`, or a CSV file.")
@option("--start", default=None, metavar="DAY", help="Day of the scenario, as in 2016-07-04; drawn by the seed where not given.")
@option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the scenario.")
@option("--screen", type=click.FloatRange(min=0, min_open=True), default=None, help="Solve only outages estimated above this loading.")
@option("--top", type=click.IntRange(min=1), default=10, help="Outages in each table.")
@option("--engine", default="newton", help="Power flow engine.")
@config_option
@json_option
def command(
    scenario: str, case: str, profiles: str, start: str | None, seed: int, screen: float | None, top: int, engine: str, as_json: bool
) -> None:
    """Examine N-1: what the loss of each single branch would do, worst first.

    It is the steady state right after the loss, before relays, devices or operators react. Outages that cut buses off have
    a table of their own.
    """
    from gridpilot.cli.progress import COMPILING, waiting

    with waiting(COMPILING):
        if case:
            title, network, points, found = _of_case(case, engine, screen)
        else:
            title, network, points, found = _of_scenario(scenario, profiles, start, seed, engine, screen)
    document = _document(title, network, points, found)
    if as_json:
        print_document(document)
    else:
        _print(document, top)


Examined = tuple[str, "Network", "Points", "Security"]


def _of_scenario(scenario: str, profiles: str, start: str | None, seed: int, engine: str, screen: float | None) -> Examined:
    from gridpilot.twin import make_twin
    from gridpilot.twin.security import operating_points

    twin = make_twin(scenario, profiles=profiles, start=start, seeds=(seed,), engine=engine)
    state = twin.first()
    title = f"{twin.model.scenario.name.replace('_', '-')}, {twin.time(state)}"
    return title, twin.model.scenario.network, operating_points(twin.model, state), twin.security(state, screen=screen)


def _of_case(case: str, engine: str, screen: float | None) -> Examined:
    from gridpilot.powerflow import engine as make_engine
    from gridpilot.powerflow.contingency import contingencies, solve_points
    from gridpilot.powerflow.outages import n_minus_one

    read = _read(case)
    network, solver = read.network, make_engine(engine, read.network)
    (p_mw, q_mvar), (kind, v_set_pu) = read.injections(), read.kinds()
    points = solve_points(
        solver, p_mw=p_mw[None], q_mvar=q_mvar[None], kind=kind[None], v_set_pu=v_set_pu[None], closed=network.branch_closed[None]
    )
    load_mw = read.loads_mw()[None]
    return network.name, network, points, contingencies(solver, network, points, n_minus_one(network), screen=screen, load_mw=load_mw)


def _read(case: str) -> Case:
    from gridpilot.network import case_names, load_case, read_case, read_matpower

    if case in case_names():
        return load_case(case)
    suffix = Path(case).suffix
    if suffix not in _FILES:
        raise ConfigError(f"There is no case {case!r}; expected one of {', '.join(case_names())}, or a file that ends with .m or .json.")
    return read_matpower(Path(case)) if suffix == ".m" else read_case(case)


def _document(title: str, network: Network, points: Points, found: Security) -> dict[str, Any]:
    """The examination as JSON has it: the state before, counts, and every outage, worst first."""
    from gridpilot.powerflow.ranking import ranking
    from gridpilot.values import Status

    base = points.base
    rows = ranking(found, network)
    return {
        "grid": title,
        "base": {
            "status": Status(int(base.status[0])).name,
            "max_loading": float(base.loading[0].max(initial=0.0)),
            "rated_branches": int((network.rating_mva < float("inf")).sum()),
        },
        "outages": len(rows),
        "confirmed": sum(row.confirmed for row in rows),
        "insecure": int(found.insecure[0].sum()),
        "worst": [row._asdict() for row in rows if not row.islanded],
        "islanding": [row._asdict() for row in rows if row.islanded],
    }


def _print(document: dict[str, Any], top: int) -> None:
    from gridpilot.cli.tables import print_table
    from gridpilot.powerflow.ranking import OutageRow

    header = ["loss of", "status", "islanded MW", "worst branch", "loading", "lowest bus", "pu", "highest bus", "pu", "violations"]
    for key, what in (("worst", "N-1"), ("islanding", "N-1 that cuts buses off")):
        rows = [OutageRow(**row) for row in document[key]]
        if rows or key == "worst":
            part = f" · {top} of {len(rows)}" if len(rows) > top else ""
            print_table(f"{what} · {document['grid']}{part}", header, [_cells(row) for row in rows[:top]])
    for note in _notes(document):
        click.echo(note)


def _cells(row: OutageRow) -> Sequence[str]:
    """A row as text: a dash where there is nothing to say, `~` before what is an estimate."""

    def pu(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    estimate = "" if row.confirmed else "~"
    return [
        row.outage,
        row.status.lower() if row.confirmed else "screened",
        f"{row.islanded_load_mw:.1f}" if row.islanded else "–",
        row.branch or "–",
        "–" if row.loading is None else f"{estimate}{row.loading:.0%}",
        row.lowest_bus or "–",
        pu(row.lowest_v_pu),
        row.highest_bus or "–",
        pu(row.highest_v_pu),
        str(row.overloads + row.voltage_violations),
    ]


def _notes(document: dict[str, Any]) -> list[str]:
    base = document["base"]
    notes = [
        f"Before any outage: {base['status'].lower()}, largest loading {base['max_loading']:.0%}.",
        f"{document['insecure']} of {document['outages']} outages leave no solution, a bus without supply, or a violation.",
    ]
    if document["confirmed"] < document["outages"]:
        notes.append(f"{document['confirmed']} outages were solved by AC; ~ marks estimates, whose voltages are those before the outage.")
    if not base["rated_branches"]:
        notes.append("No branch has a rating, so that none can be loaded.")
    return notes
