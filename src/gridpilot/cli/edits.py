"""Changes that an operator types to the orders of a proposal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gridpilot.actions import verbs
from gridpilot.errors import ActionError
from gridpilot.values import Action

REASON = "ordered by the operator"


def change(actions: Sequence[Action], typed: str) -> tuple[Action, ...]:
    """Orders after an edit: `1 120` sets the first one's value, `drop 1` takes it out, `+ STORAGE BESS-1 -20` adds one.

    Raises `ActionError` for an edit that cannot be read; whether devices can follow is the shield's to say.
    """
    words = typed.split()
    if len(words) == 4 and words[0] == "+":
        return (*actions, make_order(words[1], words[2], words[3]))
    if len(words) == 2 and words[0] == "drop":
        k = _place(words[1], actions)
        return (*actions[:k], *actions[k + 1 :])
    if len(words) == 2:
        k = _place(words[0], actions)
        changed = replace(actions[k], params={**actions[k].params, parameter_of(actions[k].type): _value(words[1])})
        return (*actions[:k], changed, *actions[k + 1 :])
    raise ActionError(f"Found {typed!r}; expected an edit such as '1 120', 'drop 1' or '+ STORAGE BESS-SUBURB -20'.")


def make_order(verb: str, target: str, value: str) -> Action:
    """An order of an operator; raises `ActionError` for an unknown verb."""
    return Action(verb.upper(), target, {parameter_of(verb.upper()): _value(value)}, REASON)


def parameter_of(verb: str) -> str:
    """What a verb sets first; raises `ActionError` for an unknown one."""
    known = verbs()
    if verb not in known:
        raise ActionError(f"There is no verb {verb!r}. Valid: {', '.join(known)}.")
    return known[verb].parameter


def said(action: Action) -> str:
    """An order in a line."""
    values: Mapping[str, object] = action.params
    return f"{action.type} {action.target} " + ", ".join(f"{name} {value}" for name, value in values.items())


def _place(word: str, actions: Sequence[Action]) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= len(actions):
        numbered = f"a number from 1 to {len(actions)}" if actions else "an order to add: there are none to change"
        raise ActionError(f"There is no order {word!r}; expected {numbered}.")
    return int(word) - 1


def _value(word: str) -> float | int | str:
    try:
        number = float(word)
    except ValueError:
        return word
    return int(number) if number.is_integer() and "." not in word else number
