"""Without a terminal: a line per simulated hour, and all that happened in it."""

from __future__ import annotations

from tests.cli.frames import frame, receipt

from gridpilot.cli.frame import Frame, Totals
from gridpilot.cli.plain import PlainLines, details, summary


def hours(minutes: range, **changes: object) -> list[Frame]:
    """Frames at these minutes after midnight; each cycle takes 1 from the reward."""
    return [
        frame(time=f"2016-07-04T{m // 60:02d}:{m % 60:02d}", cycle=k, cycles=len(minutes), totals=Totals(reward=-float(k)), **changes)
        for k, m in enumerate(minutes, start=1)
    ]


def told(frames: list[Frame]) -> list[str]:
    lines: list[str] = []
    with PlainLines(lines.append) as plain:
        for one in frames:
            plain.show(one)
    return lines


def test_a_line_per_hour_and_one_for_the_rest() -> None:
    lines = told(hours(range(5, 155, 5)))
    assert [line[:16] for line in lines] == ["2016-07-04 01:00", "2016-07-04 02:00", "2016-07-04 02:30"]
    assert "cycle 30/30" in lines[-1]


def test_an_hour_sums_what_its_cycles_did() -> None:
    lines = told(hours(range(5, 125, 5)))
    assert all("reward -12.00" in line for line in lines)
    assert all("violated cycles 12/12" in line for line in lines)


def test_the_worst_of_an_hour_is_in_its_line() -> None:
    quiet, bad = frame(max_loading=0.5, min_v_pu=0.99, max_v_pu=1.0, violations=0), frame(max_loading=1.37, min_v_pu=0.91, max_v_pu=1.07)
    line = summary([quiet, bad, quiet], Totals())
    assert "max line 137%" in line
    assert "V 0.910-1.070" in line
    assert "violated cycles 1/3" in line


def test_an_interrupted_hour_is_told_too() -> None:
    assert len(told(hours(range(5, 155, 5))[:20])) == 2


def test_events_keep_the_time_they_began_and_are_counted() -> None:
    frames = hours(range(5, 20, 5), happenings=("LOAD_SHED: 4.5 MW shed.",))
    frames[1] = frame(time="2016-07-04T00:10", happenings=("LOAD_SHED: 9.0 MW shed.", "LINE_TRIP: LN01 is out."))
    assert details(frames) == ["00:05 LOAD_SHED: 4.5 MW shed. (×3)", "00:10 LINE_TRIP: LN01 is out."]


def test_actions_are_counted_and_none_is_lost() -> None:
    several = tuple(
        receipt(target=name, outcome=how) for name, how in (("A", "applied"), ("B", "clipped"), ("C", "refused"), ("D", "applied"))
    )
    (line,) = details([frame(receipts=several), frame(receipts=several[:1])])
    assert line == "actions: STORAGE A applied ×2, STORAGE B clipped, STORAGE C refused, and 1 more"


def test_why_decisions_were_refused_is_told() -> None:
    refused = frame(verdict="refused", why="worse than doing nothing")
    assert details([refused, refused]) == ["refused ×2: worse than doing nothing"]
