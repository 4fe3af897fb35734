"""Actions: verbs with schema, bounds and receipts, and the codec JSON ↔ action ↔ vector. One verb per file."""

from gridpilot.actions.codec import (
    actions_to_vector,
    decision_from_json,
    decision_schema,
    decision_to_json,
    setpoints_to_vector,
    vector_to_actions,
    vector_to_setpoints,
)
from gridpilot.actions.controls import Control, Controls, make_controls, verbs
from gridpilot.actions.masks import action_masks
from gridpilot.actions.orders import APPLIED, CLIPPED, REFUSED, Orders, Situation, give_orders
from gridpilot.actions.verb import CLOSED, OPEN, REACTIVE, Verb

__all__ = [
    "APPLIED", "CLIPPED", "CLOSED", "OPEN", "REACTIVE", "REFUSED", "Control", "Controls", "Orders", "Situation", "Verb",
    "action_masks", "actions_to_vector", "decision_from_json", "decision_schema", "decision_to_json", "give_orders", "make_controls",
    "setpoints_to_vector", "vector_to_actions", "vector_to_setpoints", "verbs",
]  # fmt: skip
