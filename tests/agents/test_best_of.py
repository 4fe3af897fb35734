"""Best of n keeps the better decision, and never one that is worse than doing nothing over the whole outlook."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.twin import small

from gridpilot.agents.best_of import best_of
from gridpilot.twin import Twin
from gridpilot.values import Action, Decision


def hot() -> Twin:
    """AC is 10 % above its rating."""
    return small.twin(small.scenario(ratings_mva=(500.0, 48.0, 500.0), slack={"initial_mw": 60.0}))


def told(*actions: Action) -> Decision:
    return Decision(actions=actions)


DISCHARGE = Action("STORAGE", small.BATTERY, {"setpoint_mw": -20.0})
CHARGE = Action("STORAGE", small.BATTERY, {"setpoint_mw": 50.0})


def test_it_takes_what_relieves_and_leaves_what_burdens() -> None:
    twin = hot()
    found = best_of(twin.observe(twin.first()), [told(CHARGE), told(DISCHARGE)])
    assert found.chosen.decision == told(DISCHARGE)
    assert [one.decision for one in found.weighed] == [None, told(CHARGE), told(DISCHARGE)]
    assert found.weighed[2].score > found.weighed[0].score > found.weighed[1].score


def test_doing_nothing_wins_over_what_is_no_better() -> None:
    twin = small.twin()
    found = best_of(twin.observe(twin.first()), [told(), Decision(invalid=True, assessment="no JSON")])
    assert found.chosen.decision is None
    assert len({one.score for one in found.weighed}) == 1


def test_a_gain_of_now_that_breaks_limits_later_is_not_taken() -> None:
    """Held over the outlook the order overloads AC; over one cycle it only pays."""
    twin = small.twin(small.scenario(ratings_mva=(500.0, 60.0, 500.0), slack={"initial_mw": 60.0}))
    found = best_of(twin.observe(twin.first()), [told(CHARGE)])
    assert not found.weighed[1].safe
    assert found.chosen.decision is None


def test_equal_decisions_are_previewed_once_and_all_are_weighed() -> None:
    twin = hot()
    view = twin.observe(twin.first())
    asked: list[int] = []

    def counted(candidates: object, horizon: int | None = None) -> object:
        asked.append(len(candidates))  # type: ignore[arg-type]
        assert view.preview is not None
        return view.preview(candidates, horizon)  # type: ignore[arg-type]

    found = best_of(replace(view, preview=counted), [told(DISCHARGE)] * 5)  # type: ignore[arg-type]
    assert asked == [1, 1]
    assert len(found.weighed) == 6


def test_without_a_preview_nothing_can_be_compared() -> None:
    twin = small.twin()
    with pytest.raises(ValueError, match="system visibility"):
        best_of(replace(twin.observe(twin.first()), preview=None), [told()])
