"""The JSON Schema of a decision, as a reader needs it: its frame, and one entry per verb."""

from __future__ import annotations

import json

from gridpilot.actions import decision_schema
from gridpilot.scenarios import load_scenario
from gridpilot.twin.model import compile_model


def schema(argument: str) -> str:
    """The schema of a decision in a scenario, with the first target of every verb."""
    found = decision_schema(compile_model(load_scenario(argument)).controls)
    items = found["properties"]["actions"]["items"]
    first = {entry["properties"]["type"]["const"]: entry for entry in reversed(items["anyOf"])}
    items["anyOf"] = [first[verb] for verb in sorted(first)]
    return f"```json\n{json.dumps(found, indent=2, ensure_ascii=False)}\n```"
