"""`--json`: one JSON document on stdout and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from gridpilot.cli.settings import F, option


def json_option(command: F) -> F:
    """`--json`."""
    said = "Print one JSON document on stdout; progress goes to stderr."
    return option("--json", "as_json", is_flag=True, show_default=False, help=said)(command)


def print_document(document: Mapping[str, Any]) -> None:
    """Write a document; raises `ValueError` for NaN and infinity, which JSON does not have."""
    click.echo(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False))
