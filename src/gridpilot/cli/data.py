"""`gridpilot data`: which profiles there are, what is in them, and bringing in one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gridpilot.cli.document import json_option, print_document
from gridpilot.cli.settings import EPILOG, config_option, option


@click.group("data", epilog="Data sets that are not shipped are looked for in the folder GRIDPILOT_DATA.")
def command() -> None:
    """List, describe and import profiles: time series of load, weather and prices."""


@command.command("list", epilog=EPILOG)
@config_option
@json_option
def list_command(as_json: bool) -> None:
    """List every source of profiles, and what the missing ones need."""
    from gridpilot.profiles import list_profiles

    rows = list_profiles()
    if as_json:
        print_document({"profiles": rows})
        return
    from gridpilot.cli.tables import print_table

    print_table(
        "Profiles",
        ["name", "what", "years", "step", "licence", "here"],
        [
            [row["name"], row["about"], row["span"], f"{row['step_min']:g} min", row["licence"], "yes" if row["available"] else "no"]
            for row in rows
        ],
        notes=[f"{row['name']}: {row['needs']}" for row in rows if row["needs"]],
    )


@command.command("info", epilog=EPILOG)
@click.argument("name")
@config_option
@json_option
def info_command(name: str, as_json: bool) -> None:
    """Describe the profiles NAME, or a CSV file: span, source, licence, and every column."""
    from gridpilot.cli.progress import waiting
    from gridpilot.profiles import profile_info

    with waiting(f"reading {name}"):
        found = profile_info(name)
    if as_json:
        print_document(found)
    else:
        _print_info(found)


@command.command("import", epilog=EPILOG)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("data"), help="Folder to write to.")
@option("--name", default="", show_default=False, help="Name of the imported profiles; the file's own where it is not given.")
@option("--unit", default="", show_default=False, help="Unit of columns whose name ends with none, as in --unit mw.")
@option("--time-column", default=None, help="Column that holds the time; found by its name where it is not given.")
@option("--repair", default="", show_default=False, help="Repairs to allow, separated by commas; without, bad data is refused.")
@option("--overwrite/--no-overwrite", default=False, help="Replace profiles of the same name.")
@config_option
@json_option
def import_command(
    file: Path, out: Path, name: str, unit: str, time_column: str | None, repair: str, overwrite: bool, as_json: bool
) -> None:
    """Check a CSV FILE and write it in gridpilot's form.

    The first row names the columns. One holds ISO 8601 times at a regular step; the others end with their unit (`city_mw`).
    """
    from gridpilot.cli.progress import waiting
    from gridpilot.profiles import import_csv

    repairs = tuple(part.strip() for part in repair.split(",") if part.strip())
    with waiting(f"reading {file}"):
        found = import_csv(file, out, name=name, overwrite=overwrite, unit=unit, time_column=time_column, repair=repairs)
    if as_json:
        print_document(found)
        return
    _print_info(found)
    click.echo(f"Written to {found['path']}. Next: gridpilot data info {found['path']}")


def _print_info(found: dict[str, Any]) -> None:
    from gridpilot.cli.tables import print_table

    notes = [
        f"{found['start']} to {found['end']}, {found['rows']} rows of {found['step_min']:g} min",
        f"Source: {found['source']}",
        f"Licence: {found['licence']}",
        f"Forecasts: {_ahead(found['forecasts'])}",
        *(f"Repaired: {repair}" for repair in found["repairs"]),
    ]
    columns = [
        [column["name"], column["kind"], column["unit"], *(f"{column[key]:.4g}" for key in ("min", "mean", "max"))]
        for column in found["columns"]
    ]
    print_table(found["name"], ["column", "kind", "unit", "min", "mean", "max"], columns, notes=notes)


def _ahead(forecasts: dict[str, Any] | None) -> str:
    return "none published" if forecasts is None else f"{len(forecasts['columns'])} columns, {forecasts['lead_min']:g} min ahead"
