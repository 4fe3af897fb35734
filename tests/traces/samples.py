"""Headers and records made of a few numbers, for tests that need no twin."""

from __future__ import annotations

from gridpilot.traces import Header, Moved, Record
from gridpilot.values import Action, Candidate, Decision, Preview, Reading, Receipt, Verdict, View

VERSIONS = {"python": "3.11.0", "gridpilot": "0.1.0"}


def header(**changes: object) -> Header:
    """A header."""
    given = {"scenario": "six-bus", "profiles": "simbench", "agent": "rules", "versions": VERSIONS, **changes}
    return Header(**given)  # type: ignore[arg-type]


def record(number: int = 1, reward: float = -0.1) -> Record:
    """A record in which every value differs from its default."""
    actions = (Action("STORAGE", "BESS", {"setpoint_mw": -30.0}, "relieve LN14"),)
    receipts = (Receipt("STORAGE", "BESS", -30.0, -25.0, "clipped", "the battery is nearly empty"),)
    row = Candidate(actions, receipts, reward, {"cost": -1e-17}, 0.97, 5.0, 0.0, 0.96, 1.03, 0.0, 1.5, 0, True)
    return Record(
        number=number,
        views=(a_view(),),
        decision=Decision("LN14 is hot", "HIGH", actions, "let me see", ("doc-1",), "rules"),
        preview=Preview(12, row, (row,)),
        verdict=Verdict("approved", actions, "1 clipped of 1 orders"),
        receipts=receipts,
        moved=Moved(
            number, "2016-07-04T00:05", reward, {"cost": 0.1 + 0.2}, {"overload": 0.0}, {"cost_usd": 12.5}, ("LN14 is out",), False
        ),
        state_hash="ab" * 32,
        arrays={"flow.v_pu": "abababab"},
        agent="rules",
        model="tiny@3",
        latency_ms=1.25,
        at="2026-11-05T12:00:00.000+00:00",
    )


def a_view() -> View:
    """A view as it comes back from a trace."""
    return View(
        role="operator",
        scenario="six_bus",
        time="2016-07-04T00:00",
        step=0,
        dt_h=1 / 12,
        devices={"BESS": Reading("BESS", "storage", {"energy_mwh": 50.0, "in_service": True, "bus": "B4"}, {"setpoint_mw": (-25.0, 50.0)})},
        branches={"LN14": Reading("LN14", "branch", {"loading": 1.01})},
        buses={"B4": Reading("B4", "bus", {"v_pu": 1.0 / 3.0})},
        verbs={"STORAGE": ("BESS",)},
        summary={"demand_mw": 340.0},
        outlook={"demand_mw": (340.0, 341.0)},
    )
