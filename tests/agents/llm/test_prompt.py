"""The prompt says what the view shows, keeps its budget, and is the same for the same view: golden files hold it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.agents.llm.views import NOTES, changed, crowded, view_of

from gridpilot.agents.llm.offers import offers_of
from gridpilot.agents.llm.prompt import DEFAULT_TOKENS, Prompt, make_prompt
from gridpilot.agents.llm.tokens import estimate_tokens
from gridpilot.errors import ConfigError
from gridpilot.values import View

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> Prompt:
    if name == "six_bus":
        view = replace(view_of("six_bus"), instructions=("Keep 30 MWh in BESS-SUBURB for the evening.",))
        return make_prompt(view, NOTES)
    if name == "ieee14":
        return make_prompt(view_of("ieee14"), NOTES, tokens=4000)
    return make_prompt(crowded(changed(view_of("ieee14"), "branches", "LN06-12", loading=1.034)), NOTES, tokens=1900)


def text_of(prompt: Prompt) -> str:
    return f"{prompt.system}\n\n=== {prompt.tokens} tokens at most; passages {', '.join(prompt.passages) or 'none'} ===\n\n{prompt.user}\n"


@pytest.mark.parametrize("name", ["six_bus", "ieee14", "crowded"])
def test_the_prompt_is_the_golden_one(name: str) -> None:
    """To write the files anew after a change that is meant: GRIDPILOT_GOLDEN=write."""
    path, made = GOLDEN / f"{name}.txt", text_of(golden(name))
    if os.environ.get("GRIDPILOT_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("tokens", [1000, 1400, 2000, 3000, 4000, 8000])
@pytest.mark.parametrize("scenario", ["six_bus", "ieee14"])
def test_the_budget_is_kept_and_what_is_left_out_is_said(scenario: str, tokens: int) -> None:
    view = crowded(view_of(scenario))
    prompt = make_prompt(view, NOTES, tokens=tokens)
    assert prompt.tokens <= tokens
    whole = make_prompt(view, NOTES, tokens=10**6)
    assert ("left out" in prompt.user) == (whole.tokens > tokens)
    for said in view.instructions:
        assert said in prompt.user


def test_what_matters_more_stays_longer() -> None:
    """Where anything at all is left out, buses and cool branches go before violations, orders and events."""
    view = changed(crowded(view_of("ieee14")), "branches", "LN06-12", loading=1.034)
    small = make_prompt(view, NOTES, tokens=1900).user
    assert "LN06-12 is at 103.4 %" in small
    assert "LINE_TRIP of LN02-03 began" in small
    assert "REDISPATCH GEN-02" in small
    assert "BUS-07 " not in small
    assert "BUS-07 " in make_prompt(view, NOTES, tokens=10**6).user


def test_everything_that_can_be_ordered_is_named_where_there_is_room() -> None:
    view = view_of("ieee14")
    prompt = make_prompt(view, tokens=10**6).user
    for offer in offers_of(view):
        assert offer.target in prompt
        assert offer.verb in prompt


def test_a_passage_cannot_leave_its_fence() -> None:
    prompt = make_prompt(view_of("six_bus"), NOTES)
    assert prompt.passages == ("procedure/overload", "incident/2003", "own/evil")
    evil = next(line for line in prompt.user.splitlines() if "own/evil" in line)
    assert evil.count("<passage") == evil.count("</passage>") == 1
    assert evil.endswith("</passage>")
    assert prompt.user.count("## Now") == 2
    assert not [line for line in prompt.user.splitlines()[1:] if line == "## Now"]


def test_a_role_that_sees_less_is_told_less() -> None:
    view = view_of("six_bus")
    poor = replace(
        view, role="suburb", branches={}, buses={}, summary={}, outlook={}, sensitivity={}, verbs={"STORAGE": ("BESS-SUBURB",)},
        devices={"BESS-SUBURB": view.devices["BESS-SUBURB"]}, last_terms={}, last_receipts=(), happenings=(),
    )  # fmt: skip
    said = make_prompt(poor).user
    assert "role suburb" in said
    assert "STORAGE BESS-SUBURB setpoint_mw" in said
    assert not [name for name in ("LN", "B2-GAS", "demand", "slack") if name in said]


def test_instructions_that_leave_no_room_are_refused() -> None:
    view: View = replace(view_of("six_bus"), instructions=("Mind the river. " * 1000,))
    with pytest.raises(ConfigError, match="shorten the instructions"):
        make_prompt(view, tokens=DEFAULT_TOKENS)


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("", 0),
        ("12345", 5),  # tokenizers that split digits make one token of each
        ("LN06-12", 6),
        ("the grid is safe", 4),
        ("… ü", 5),  # a byte each where an alphabet is unknown
        ("a\n\n\nb", 5),
    ],
)
def test_the_estimate_of_tokens_errs_on_the_long_side(text: str, least: int) -> None:
    assert least <= estimate_tokens(text) <= 2 * least + 2


def test_estimates_add_up() -> None:
    lines = make_prompt(view_of("six_bus")).user.split("\n")
    assert estimate_tokens("\n".join(lines)) == sum(map(estimate_tokens, lines)) + len(lines) - 1
