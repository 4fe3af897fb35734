"""Makers of the generated parts of the documentation: name → function of its argument → Markdown."""

from collections.abc import Callable

from reference.catalogue import (
    agents,
    checks,
    disturbances,
    engines,
    environments,
    error_classes,
    error_tree,
    outline,
    profiles,
    public_names,
    rewards,
    unit_table,
    verbs,
)
from reference.commands import command, commands, variables
from reference.fields import device, fields
from reference.results import bench, bench_plot, evaluation, sensitivity, speed
from reference.scenarios import scenario, scenarios
from reference.schema import schema
from reference.snippet import snippet

__all__ = ["BLOCKS"]

BLOCKS: dict[str, Callable[[str], str]] = {
    "agents": agents,
    "bench": bench,
    "bench-plot": bench_plot,
    "checks": checks,
    "command": command,
    "commands": commands,
    "device": device,
    "disturbances": disturbances,
    "engines": engines,
    "environments": environments,
    "error-classes": error_classes,
    "error-tree": error_tree,
    "evaluation": evaluation,
    "fields": fields,
    "outline": outline,
    "profiles": profiles,
    "public-names": public_names,
    "rewards": rewards,
    "scenario": scenario,
    "scenarios": scenarios,
    "schema": schema,
    "sensitivity": sensitivity,
    "snippet": snippet,
    "speed": speed,
    "units": unit_table,
    "variables": variables,
    "verbs": verbs,
}
