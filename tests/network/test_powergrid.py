"""The balanced feeders of hepengli/powergrid are what its tables say, solved by pandapower on a net built from them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pytest

from gridpilot.network import load_case
from gridpilot.powerflow import engine

FEEDERS = {"ieee13": "powergrid13", "ieee34": "powergrid34"}


def rows(folder: Path, table: str) -> Iterator[dict[str, Any]]:
    path = folder / f"{table}.csv"
    if path.is_file():
        with path.open(newline="") as file:
            yield from csv.DictReader(file)


def net_of(folder: Path) -> Any:
    """The pandapower net that the tables describe; a branch is called by its buses."""
    net = pp.create_empty_network(sn_mva=1.0, f_hz=60.0)
    name = [row["name"].removeprefix("Bus ") for row in rows(folder, "bus")]
    for row, bus in zip(rows(folder, "bus"), name, strict=True):
        pp.create_bus(net, float(row["vn_kv"]), name=bus)
    for row in rows(folder, "line"):
        a, b, *of_line = (
            row[key] for key in ("from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "max_i_ka")
        )
        pp.create_line_from_parameters(net, int(a), int(b), *map(float, of_line))
    for row in rows(folder, "trafo"):
        numbers = {key: float(row[key]) for key in ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent")}
        keys = ("tap_neutral", "tap_step_percent", "tap_pos")
        tap = {key: float(row[key]) for key in keys} | {"tap_side": "lv", "tap_changer_type": "Ratio"} if row["tap_pos"] else {}
        pp.create_transformer_from_parameters(net, int(row["hv_bus"]), int(row["lv_bus"]), **numbers, **tap)
    for row in rows(folder, "load"):
        pp.create_load(net, int(row["bus"]), float(row["p_mw"]), float(row["q_mvar"]))
    for row in rows(folder, "shunt"):
        pp.create_shunt(net, int(row["bus"]), float(row["q_mvar"]), float(row["p_mw"]), step=int(row["step"]))
    for row in rows(folder, "switch"):
        pp.create_switch(net, int(row["bus"]), int(row["element"]), row["et"], closed=row["closed"] == "True")
    (source,) = rows(folder, "ext_grid")
    pp.create_ext_grid(net, int(source["bus"]), float(source["vm_pu"]))
    return net


@pytest.mark.parametrize("theirs", FEEDERS)
def test_the_case_is_the_tables_of_its_source(theirs: str, shared_data: Path) -> None:
    net = net_of(shared_data / "networks" / "upstream_balanced" / theirs)
    pp.runpp(net, trafo_model="pi", tolerance_mva=1e-9, lightsim2grid=False)
    case = load_case(FEEDERS[theirs])
    p, q = case.injections()
    kind, v_set = case.kinds()
    solver = engine("newton", case.network, tolerance_pu=1e-9)
    flow = solver.solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=case.network.branch_closed[None])
    assert case.network.bus_name == tuple(net.bus["name"])
    v = net.res_bus["vm_pu"].to_numpy() * np.exp(1j * np.deg2rad(net.res_bus["va_degree"].to_numpy()))
    assert np.abs(flow.v_re_pu[0] + 1j * flow.v_im_pu[0] - v).max() <= 1e-8
    assert np.allclose(case.network.bus_kv, net.bus["vn_kv"])
    ka = case.network.rating_mva / np.sqrt(3) / case.network.bus_kv[case.network.branch_from]
    assert np.allclose(ka[: len(net.line)], net.line["max_i_ka"])


@pytest.mark.parametrize("name", FEEDERS.values())
def test_the_case_names_its_licence(name: str) -> None:
    assert "MIT, (c) 2020 Hepeng Li" in load_case(name).source
