"""Cases with published optima, and a small one that can be solved by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridpilot.network import Case, make_case, make_network, read_matpower


@pytest.fixture(scope="session")
def pglib(shared_data: Path) -> Callable[[str], Case]:
    """A case of PGLib-OPF v23.07 by name."""
    return lambda name: read_matpower(shared_data / "networks" / "pglib_opf_v23.07" / f"pglib_opf_{name}.m")


@pytest.fixture
def triangle() -> Callable[..., Case]:
    return make_triangle


def make_triangle(rating_mva: float = 1e3, units: list[dict[str, Any]] | None = None, **line: float) -> Case:
    """100 MW at C; A is cheap, B is dear; all lines are alike, AC has the rating."""
    network = make_network(
        "triangle",
        base_mva=100.0,
        buses=[{"name": name, "kv": 110.0} for name in "ABC"],
        branches=[
            {"name": name, "a": name[0], "b": name[1], "r_pu": 0.0, "x_pu": 0.1, "rating_mva": rating_mva if name == "AC" else 1e3, **line}
            for name in ("AB", "AC", "BC")
        ],
    )
    made = units or [{"bus": "A", "cost": (0.01, 20.0, 5.0)}, {"bus": "B", "cost": (50.0, 0.0)}]
    common = {"p_min_mw": 0.0, "p_max_mw": 200.0, "q_min_mvar": -100.0, "q_max_mvar": 100.0, "holds_voltage": True}
    return make_case(
        network,
        loads=[{"name": "D", "bus": "C", "p_mw": 100.0}],
        units=[{"name": f"G{row['bus']}", **common, **row} for row in made],
        slacks=[{"bus": "A", "v_pu": 1.0, "angle_deg": 0.0}],
    )
