"""Make the golden cases of the tests anew: small grids, each with one physical feature, and what pandapower finds for them.

    python scripts/make_golden.py

Every folder `tests/golden/<name>/` gets a `case.json`, in this package's own format, and an `expected.json` with what is
given beside the case (`inputs`) and pandapower's solution. The grids are constructed here, but for `reactive_limit` and
`distributed_slack`, which are the IEEE 14-bus test case (public domain; as pandapower has it).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandapower as pp
import pandapower.networks

from gridpilot.network import Case, from_pandapower, write_case

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
TOLERANCE_PU = 1e-10
Edit = Callable[[Any], None]


# -------------------------------------------------------------------------------------------- the grids


def feeder() -> Any:
    """110 kV source, transformer, and a ring of three 20 kV buses with loads and a generator."""
    net = pp.create_empty_network(sn_mva=100.0)
    source = pp.create_bus(net, 110.0, name="source")
    ring = [pp.create_bus(net, 20.0, name=name) for name in ("station", "east", "west")]
    pp.create_ext_grid(net, source, vm_pu=1.02)
    pp.create_transformer_from_parameters(
        net, source, ring[0], sn_mva=40.0, vn_hv_kv=110.0, vn_lv_kv=20.0, vkr_percent=0.4, vk_percent=12.0, pfe_kw=0.0, i0_percent=0.0
    )
    for a, b, km in ((0, 1, 6.0), (1, 2, 4.0), (0, 2, 9.0)):
        pp.create_line_from_parameters(
            net, ring[a], ring[b], km, r_ohm_per_km=0.16, x_ohm_per_km=0.12, c_nf_per_km=270.0, max_i_ka=0.4, name=f"{a}{b}"
        )
    pp.create_load(net, ring[1], 6.0, 2.0)
    pp.create_load(net, ring[2], 4.0, 1.5)
    pp.create_gen(net, ring[2], p_mw=3.0, vm_pu=1.0)
    return net


def of_transformer(**values: Any) -> Edit:
    """An edit that writes columns of every transformer."""

    def edit(net: Any) -> None:
        for name, value in values.items():
            net.trafo[name] = value

    return edit


def tap(side: str, position: int, *, degree: float = 0.0, percent: float = 1.5) -> Edit:
    """An edit that gives the transformer a tap changer at one side, `position` steps off neutral."""
    kind = "Ratio" if degree == 0.0 else "Symmetrical" if percent else "Ideal"
    return of_transformer(
        tap_side=side, tap_pos=position, tap_neutral=0, tap_min=-9, tap_max=9,
        tap_step_percent=percent or np.nan, tap_step_degree=degree, tap_changer_type=kind,
    )  # fmt: skip


def a_phase_shifter(net: Any) -> None:
    """A second transformer beside the first, which turns the angle: the flow goes around."""
    pp.create_transformer_from_parameters(
        net,
        0,
        1,
        sn_mva=40.0,
        vn_hv_kv=110.0,
        vn_lv_kv=20.0,
        vkr_percent=0.4,
        vk_percent=12.0,
        pfe_kw=0.0,
        i0_percent=0.0,
        shift_degree=4.0,
    )


def a_line_open_at_one_end(net: Any) -> None:
    """The switch at the west end of the first line of the ring is open."""
    pp.create_switch(net, 2, 1, et="l", closed=False)


def a_coupler(net: Any) -> None:
    """A bus beside the west one, joined by a closed switch, with a load and a line of its own."""
    bus = pp.create_bus(net, 20.0, name="annex")
    pp.create_switch(net, 3, bus, et="b", closed=True)
    pp.create_load(net, bus, 2.0, 1.0)
    pp.create_line_from_parameters(net, bus, 1, 3.0, r_ohm_per_km=0.16, x_ohm_per_km=0.12, c_nf_per_km=270.0, max_i_ka=0.4)


def an_isolated_pair(net: Any) -> None:
    """Two buses with a line and a load, which nothing reaches."""
    pair = [pp.create_bus(net, 20.0, name=name) for name in ("lost", "gone")]
    pp.create_line_from_parameters(net, *pair, 1.0, r_ohm_per_km=0.16, x_ohm_per_km=0.12, c_nf_per_km=270.0, max_i_ka=0.4)
    pp.create_load(net, pair[0], 1.0)
    pp.create_sgen(net, 2, 1.0)


def a_very_short_line(net: Any) -> None:
    """1e-5 Ω, a hundred-thousandth of its neighbours."""
    bus = pp.create_bus(net, 20.0, name="next door")
    pp.create_line_from_parameters(net, 2, bus, 1.0, r_ohm_per_km=1e-5, x_ohm_per_km=1e-5, c_nf_per_km=0.0, max_i_ka=0.4)
    pp.create_load(net, bus, 3.0, 1.0)


def a_negative_magnetising_current(net: Any) -> None:
    """Iron losses, and a current that would be a capacitor's."""
    of_transformer(i0_percent=-0.9, pfe_kw=60.0)(net)


def a_tap_and_a_shift(net: Any) -> None:
    """A tap at the high side, and a second transformer beside the first, which turns the angle."""
    tap("hv", -4)(net)
    a_phase_shifter(net)


def edited(*edits: Edit) -> Any:
    """The feeder with some edits."""
    net = feeder()
    for edit in edits:
        edit(net)
    return net


def short_of_reactive_power() -> Any:
    """IEEE 14 with two condensers that cannot give what their voltages ask for."""
    net = pandapower.networks.case14()
    net.gen["max_q_mvar"], net.gen["min_q_mvar"] = [50.0, 20.0, 24.0, 10.0], -40.0
    return net


def with_participation_factors() -> Any:
    """IEEE 14, whose balance the units at buses 1, 2 and 3 share."""
    net = pandapower.networks.case14()
    net.ext_grid["slack_weight"], net.gen["slack_weight"] = 0.5, [0.3, 0.2, 0.0, 0.0]
    net.load["p_mw"] *= 1.1
    return net


def on_its_own() -> Any:
    """The ring cut from its source; what holds it is the external grid at its station."""
    net = edited()
    net.trafo["in_service"] = False
    pp.create_ext_grid(net, 1, vm_pu=1.01)
    return net


# -------------------------------------------------------------------------------------------- the cases


class Golden(NamedTuple):
    """A net, what it shows, and how it is solved."""

    shows: str
    build: Callable[[], Any]
    options: Mapping[str, Any] = MappingProxyType({})
    """Of `runpp`, beside those of every case."""
    inputs: Mapping[str, Any] = MappingProxyType({})
    """Of `PowerFlow.solve`, beside those in the case: whether its `limits` hold, `share` by bus, `kind` by bus."""


CASES = {
    "tap_and_shift": Golden("an off-nominal tap, and a phase shifter in a loop", lambda: edited(a_tap_and_a_shift)),
    "magnetising_branch": Golden(
        "a transformer's iron, with a negative current as in IEEE 118", lambda: edited(a_negative_magnetising_current)
    ),
    "open_ended_line": Golden("a cable that is open at one end and charges from the other", lambda: edited(a_line_open_at_one_end)),
    "coupler": Golden("two buses that a closed switch makes one", lambda: edited(a_coupler)),
    "dead_island": Golden("buses without a source", lambda: edited(an_isolated_pair)),
    "near_zero_impedance": Golden("a line of 1e-5 ohm beside common ones", lambda: edited(a_very_short_line)),
    "grid_forming": Golden("an island that a grid-forming unit holds", on_its_own, inputs={"kind": {"station": "FORMING"}}),
    "reactive_limit": Golden("units at their reactive limit", short_of_reactive_power, {"enforce_q_lims": True}, {"limits": True}),
    "distributed_slack": Golden(
        "a balance that three units share",
        with_participation_factors,
        {"distributed_slack": True},
        {"share": {"1": 0.5, "2": 0.3, "3": 0.2}},
    ),
}


def expected(golden: Golden, net: Any, case: Case) -> dict[str, Any]:
    """The solution of a net that has been solved, by the names in its case; angles against the slack's."""
    magnitude, degree = np.nan_to_num(net.res_bus[["vm_pu", "va_degree"]].to_numpy().T)
    voltage = magnitude * np.exp(1j * (np.deg2rad(degree) - case.slack_angle_rad[0]))
    return {
        "shows": golden.shows,
        "made_by": "python scripts/make_golden.py",
        "versions": {"pandapower": pp.__version__, "numpy": np.__version__},
        "inputs": dict(golden.inputs),
        "buses": {case.network.bus_name[k]: [float(v.real), float(v.imag)] for k, v in enumerate(voltage)},
        "buses_hold": "real and imaginary part of the voltage in pu",
        "branches": branch_flows(net, case),
        "branches_hold": "MW and Mvar into the from end, MW and Mvar into the to end",
    }


def branch_flows(net: Any, case: Case) -> dict[str, list[float]]:
    """Flows by the branch names of the case, which are pandapower's, or the table and index where it has none."""
    found = {}
    for kind, sides in (("line", ("from", "to")), ("trafo", ("hv", "lv")), ("impedance", ("from", "to"))):
        columns = [f"{letter}_{side}_{unit}" for side in sides for letter, unit in (("p", "mw"), ("q", "mvar"))]
        for index, row in net[f"res_{kind}"].iterrows():
            name = net[kind]["name"].loc[index] or f"{kind} {index}"
            found[str(name)] = [float(value) for value in np.nan_to_num(row[columns].to_numpy(dtype=np.float64))]
    return {name: flows for name, flows in found.items() if name in case.network.branch_name}


def solved(golden: Golden) -> Any:
    """The net with pandapower's solution."""
    net = golden.build()
    common = {"calculate_voltage_angles": True, "init": "dc", "tolerance_mva": TOLERANCE_PU * net.sn_mva, "lightsim2grid": False}
    pp.runpp(net, **common, **golden.options)
    return net


def main() -> None:
    """Write every folder."""
    for name, golden in CASES.items():
        net = solved(golden)
        case = from_pandapower(net)
        folder = GOLDEN / name
        folder.mkdir(parents=True, exist_ok=True)
        write_case(case, folder / "case.json")
        (folder / "expected.json").write_text(json.dumps(expected(golden, net, case), indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {golden.shows}")


if __name__ == "__main__":
    main()
