"""The live view fits any terminal, marks every band without colour too, and shows text as text."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.cli.frames import BRANCHES, BUSES, frame, receipt

from gridpilot.cli.bands import Band, loading_band, voltage_band
from gridpilot.cli.canvas import draw_grid
from gridpilot.cli.frame import BranchNow, BusNow
from gridpilot.cli.view import LiveView, Scene, draw, room


def screen(scene: Scene, width: int = 120, height: int = 40) -> list[str]:
    """The lines of the screen, without colour."""
    console = Console(width=width, height=height, file=StringIO(), record=True)
    console.print(draw(scene, width, height))
    return console.export_text().splitlines()


@pytest.mark.parametrize(
    ("v_pu", "band"),
    [
        (0.94, Band.VIOLATION), (0.95, Band.WARNING), (0.969, Band.WARNING), (0.97, Band.HEALTHY), (1.03, Band.HEALTHY),
        (1.031, Band.WARNING), (1.05, Band.WARNING), (1.06, Band.VIOLATION),
    ],
)  # fmt: skip
def test_edges_of_the_voltage_bands(v_pu: float, band: Band) -> None:
    assert voltage_band(v_pu) is band


@pytest.mark.parametrize(
    ("percent", "band"),
    [
        (49.9, Band.LIGHT), (50.0, Band.HEALTHY), (79.9, Band.HEALTHY), (80.0, Band.HEALTHY), (80.1, Band.WARNING),
        (95.0, Band.WARNING), (95.1, Band.VIOLATION),
    ],
)  # fmt: skip
def test_edges_of_the_loading_bands(percent: float, band: Band) -> None:
    assert loading_band(percent / 100.0) is band


def test_warning_and_violation_are_told_without_colour() -> None:
    lines = "\n".join(screen(Scene().plus(frame())))
    assert "max line 120%▲" in lines
    assert "LN01 86%!" in lines
    assert "◆ B1-CITY" in lines
    assert "0.940▼" in lines
    assert "LN02 tripped" in lines


@given(width=st.integers(40, 250), height=st.integers(16, 80), events=st.integers(0, 30))
def test_no_screen_is_larger_than_its_terminal(width: int, height: int, events: int) -> None:
    said = tuple(f"LINE_TRIP: LN{k} is out by a fault. {'x' * 200}" for k in range(events))
    full = frame(happenings=said, receipts=tuple(receipt(why="because " * 40) for _ in range(events)), assessment="words " * 300)
    lines = screen(Scene().plus(full), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert room(width, height).middle >= 6


def test_numbers_of_the_frame_are_on_the_screen() -> None:
    shown = "\n".join(screen(Scene().plus(frame(assessment="LN12 is overloaded", risk_level="HIGH", latency_ms=21.0))))
    for part in ("2016-07-04 00:30", "six-bus", "rules", "V 0.940–1.040", "3 viol", "curt 12 MW", "reward -7.0", "HIGH", "21 ms",
                 "LN12 is overloaded", "congestion", "-0.50", "-1.00"):  # fmt: skip
        assert part in shown


def test_an_action_is_shown_with_its_receipt() -> None:
    receipts = (
        receipt(),
        receipt(target="BESS-2", requested=80.0, applied=50.0, outcome="clipped", why="power limit"),
        receipt(type="TOPOLOGY", target="LN01", requested="open", applied=None, outcome="refused", why="no such right"),
    )
    shown = "\n".join(screen(Scene().plus(frame(receipts=receipts)), 180))
    assert "STORAGE BESS -30.0 MW applied" in shown
    assert "STORAGE BESS-2 80.0 MW clipped to 50.0 MW: power limit" in shown
    assert "TOPOLOGY LN01 open refused: no such right" in shown


def test_why_a_decision_was_refused_is_shown() -> None:
    shown = "\n".join(screen(Scene().plus(frame(verdict="refused", why="worse than doing nothing"))))
    assert "refused: worse than doing nothing" in shown


def test_markup_in_names_and_words_is_text() -> None:
    nasty = "[bold red]x[/] [link=file:y]"
    full = frame(assessment=nasty, happenings=(nasty,), receipts=(receipt(why=nasty),), scenario="[/]")
    shown = "\n".join(screen(Scene().plus(full), 200))
    assert shown.count(nasty) == 3
    assert "[/]" in shown


def test_an_event_that_goes_on_is_said_once() -> None:
    first = Scene().plus(frame(happenings=("LOAD_SHED: 4.1 MW shed.", "LINE_TRIP: LN01 is out.")))
    second = first.plus(frame(happenings=("LOAD_SHED: 9.7 MW shed.", "LINE_TRIP: LN02 is out.")))
    after_a_break = second.plus(frame()).plus(frame(happenings=("LOAD_SHED: 2.0 MW shed.",)))
    assert [line.plain[6:] for line in second.happenings] == [
        "LOAD_SHED: 4.1 MW shed.",
        "LINE_TRIP: LN01 is out.",
        "LINE_TRIP: LN02 is out.",
    ]
    assert after_a_break.happenings[-1].plain.endswith("LOAD_SHED: 2.0 MW shed.")


def test_a_grid_is_drawn_where_its_buses_are() -> None:
    drawn = draw_grid(BUSES, BRANCHES, 60, 13)
    assert drawn is not None
    lines = drawn.plain.splitlines()
    assert "B0-SUN" in lines[0]
    assert lines[0].index("B0-SUN") < lines[0].index("B1-CITY")
    assert "B2-COAL" in lines[11]
    assert all(len(line) == 60 for line in lines)


def test_a_branch_out_of_service_is_dashed() -> None:
    whole = draw_grid(BUSES[:2], (BRANCHES[0],), 60, 5)
    out = draw_grid(BUSES[:2], (BranchNow("LN01", 0, 1, 0.0, "open"),), 60, 5)
    assert whole is not None
    assert out is not None
    assert "━━━━" in whole.plain
    assert "─ ─" in out.plain
    assert "──" not in out.plain


def test_a_grid_without_places_has_bars_only() -> None:
    nowhere = tuple(BusNow(bus.name, bus.v_pu, 0.95, 1.05, float("nan"), float("nan")) for bus in BUSES)
    assert draw_grid(nowhere, BRANCHES) is None
    shown = "\n".join(screen(Scene().plus(frame(buses=nowhere))))
    assert "LN12" in shown
    assert "B0-SUN" not in shown


def test_a_bus_that_is_not_built_is_not_drawn() -> None:
    later = BusNow("G1-LATER", 0.0, 0.95, 1.05, 2.0, 2.0, energised=False)
    drawn = draw_grid((*BUSES, later), BRANCHES)
    assert drawn is not None
    assert "G1-LATER" not in drawn.plain


def test_the_live_view_ends_on_the_last_frame() -> None:
    console = Console(width=120, height=40, file=StringIO(), record=True, force_terminal=True)
    with LiveView(console, 12) as view:
        view.show(frame(cycle=6))
        view.show(frame(cycle=12, assessment="the last word"))
    shown = console.export_text()
    assert "the last word" in shown
    assert "12/12" in shown
