"""pandapower as a reference: `runpp` on a net built from the network, one element after the other.

Nothing of this package's own admittances goes into it: lines become `impedance`, branches with a ratio or a shift
become `trafo` with their shunts beside them, and every bus has a load, a generator and an external grid, of which
its kind says what is in service.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridpilot.errors import MissingExtraError
from gridpilot.network.network import Network
from gridpilot.powerflow.adjusted import solve_adjusted
from gridpilot.powerflow.group import LOWEST_VOLTAGE_PU, Inputs, Outputs
from gridpilot.powerflow.seam import as_inputs, check_fused, refuse_extras, refuse_switching, solve_each, with_roles
from gridpilot.powerflow.ybus import no_load_voltages
from gridpilot.values import PV, SLACK, Bools, Codes, Floats, Flow, Ints, ReactiveLimits, Status

try:
    import pandapower as pp
except ImportError as error:
    raise MissingExtraError("pandapower", "pandapower", "The power flow engine 'pandapower'") from error

_NOMINAL_KV = 1.0
"""All buses have it: the network is in per unit already."""


class Pandapower:
    """The reference engine."""

    name = "pandapower"
    has_voltages = True

    def __init__(self, network: Network, *, tolerance_pu: float = 1e-8, max_iterations: int = 20) -> None:
        """Raises `PhysicsError` where bus-bus switches are closed."""
        check_fused(network)
        self.network = network
        self._tolerance_mva = tolerance_pu * network.base_mva
        self._max_iterations = max_iterations
        self._is_trafo = (network.tap != 1.0) | (network.shift_rad != 0.0)
        self._net = _build(network, self._is_trafo)
        self._angles = "dc" if network.x_pu.all() else "flat"
        self._no_load = no_load_voltages(network)

    def solve(
        self, p_mw: Floats, q_mvar: Floats, *, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None = None,
        limits: ReactiveLimits | None = None, share: Floats | None = None, switch_closed: Bools | None = None,
        tap: Floats | None = None, bank_mvar: Floats | None = None,
    ) -> Flow:  # fmt: skip
        """See `PowerFlow.solve`. Every element starts from the angles of pandapower's DC power flow, whatever `start` is (from
        angles of 0 where a branch has no reactance, of which that knows nothing), at nominal magnitudes, and where they lead
        nowhere at those that tap ratios make of the slack's.
        """
        refuse_extras(self.name, limits, share)
        refuse_switching(self.name, switch_closed)
        given = as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start, tap=tap, bank_mvar=bank_mvar)
        if tap is not None or bank_mvar is not None:
            return solve_adjusted(self.network, self._rebuilt, given, start)
        inputs = with_roles(self.network, given)
        return solve_each(self.network, inputs, self._solve_element)

    def _rebuilt(self, network: Network) -> Pandapower:
        """This engine for a network at other positions."""
        return Pandapower(network, tolerance_pu=self._tolerance_mva / network.base_mva, max_iterations=self._max_iterations)

    def _solve_element(self, inputs: Inputs, out: Outputs, b: int) -> None:
        if not out.energised[b].any():
            out.residual[b] = 0.0
            return
        self._set(inputs, out.energised[b], b)
        slacks = np.flatnonzero(inputs.kind[b] == SLACK)
        magnitudes = self._no_load / self._no_load[slacks[-1]]
        if not (self._run(self._angles) or self._run("auto", init_va_degree=self._angles, init_vm_pu=magnitudes)):
            out.status[b] = Status.DIVERGED
            return
        self._read(inputs, out, b)

    def _run(self, init: str, **start: Any) -> bool:
        """Whether there is a solution from this start."""
        try:
            pp.runpp(
                self._net,
                calculate_voltage_angles=True,
                init=init,
                max_iteration=self._max_iterations,
                tolerance_mva=self._tolerance_mva,
                trafo_model="pi",
                enforce_q_lims=False,
                lightsim2grid=False,  # it would stand in for pandapower where it is installed
                **start,
            )
        except pp.LoadflowNotConverged:
            return False
        return True

    def _set(self, inputs: Inputs, energised: Bools, b: int) -> None:
        net, network, kind = self._net, self.network, inputs.kind[b]
        on = inputs.closed[b] & energised[network.branch_from] & energised[network.branch_to]
        net.bus["in_service"] = energised
        net.load["p_mw"], net.load["q_mvar"] = np.where(energised, (-inputs.p_mw[b], -inputs.q_mvar[b]), 0.0)
        net.gen["in_service"] = energised & (kind == PV)
        net.ext_grid["in_service"] = energised & (kind == SLACK)
        net.gen["vm_pu"] = net.ext_grid["vm_pu"] = np.where(energised & (kind >= PV), inputs.v_set_pu[b], 1.0)
        net.load["in_service"] = energised & (kind != SLACK)
        net.impedance["in_service"] = on[~self._is_trafo]
        net.trafo["in_service"] = on[self._is_trafo]
        net.shunt["in_service"] = np.concatenate([energised[network.shunt_bus], np.repeat(on[self._is_trafo], 2)])

    def _read(self, inputs: Inputs, out: Outputs, b: int) -> None:
        net, network, energised = self._net, self.network, out.energised[b]
        magnitude = np.where(energised, net.res_bus["vm_pu"], 0.0)
        angle = np.where(energised, np.deg2rad(net.res_bus["va_degree"]), 0.0)
        if magnitude[energised].min() < LOWEST_VOLTAGE_PU:
            out.status[b] = Status.LOW_VOLTAGE
            return
        out.v[b], out.v_re[b], out.v_im[b] = magnitude, magnitude * np.cos(angle), magnitude * np.sin(angle)
        lines, trafos = ~self._is_trafo, self._is_trafo
        for mine, line, trafo in (
            (out.p_from, "p_from_mw", "p_hv_mw"),
            (out.q_from, "q_from_mvar", "q_hv_mvar"),
            (out.p_to, "p_to_mw", "p_lv_mw"),
            (out.q_to, "q_to_mvar", "q_lv_mvar"),
        ):
            mine[b, lines] = np.nan_to_num(net.res_impedance[line].to_numpy())
            mine[b, trafos] = np.nan_to_num(net.res_trafo[trafo].to_numpy())
        # the shunts of transformers are shunt elements there, alternately at the from and the to end
        extra = net.res_shunt.iloc[len(network.shunt_name) :]
        p, q = np.nan_to_num(extra["p_mw"].to_numpy()), np.nan_to_num(extra["q_mvar"].to_numpy())
        out.p_from[b, trafos] += p[0::2]
        out.q_from[b, trafos] += q[0::2]
        out.p_to[b, trafos] += p[1::2]
        out.q_to[b, trafos] += q[1::2]
        larger = np.maximum(np.hypot(out.p_from[b], out.q_from[b]), np.hypot(out.p_to[b], out.q_to[b]))
        out.loading[b] = larger / network.rating_mva
        shunts = np.nan_to_num(net.res_shunt["p_mw"].to_numpy()[: len(network.shunt_name)]).sum()
        out.losses[b] = (out.p_from[b] + out.p_to[b]).sum() + shunts
        out.residual[b] = self._tolerance_mva  # runpp says no more than that it is below
        out.iterations[b] = net._ppc["iterations"]
        self._read_injections(inputs, out, b)

    def _read_injections(self, inputs: Inputs, out: Outputs, b: int) -> None:
        net, energised, kind = self._net, out.energised[b], inputs.kind[b]
        slack, held = energised & (kind == SLACK), energised & (kind == PV)
        p, q = np.where(energised, inputs.p_mw[b], 0.0), np.where(energised, inputs.q_mvar[b], 0.0)
        p = np.where(slack, net.res_ext_grid["p_mw"], p)
        q = np.where(held, net.res_gen["q_mvar"] + q, q)
        out.p_bus[b], out.q_bus[b] = p, np.where(slack, net.res_ext_grid["q_mvar"], q)


def _build(network: Network, is_trafo: Bools) -> Any:
    """The pandapower net with everything that any element may need, in the order of the network."""
    net = pp.create_empty_network(f_hz=network.frequency_hz, sn_mva=network.base_mva)
    buses = pp.create_buses(net, network.n_bus, _NOMINAL_KV)
    pp.create_loads(net, buses, 0.0)
    pp.create_gens(net, buses, 0.0)
    for bus in buses:
        pp.create_ext_grid(net, bus)
    _add_lines(net, network, np.flatnonzero(~is_trafo))
    for g, b, bus in zip(network.shunt_g_mw, network.shunt_b_mvar, network.shunt_bus, strict=True):
        pp.create_shunt(net, bus, q_mvar=-b, p_mw=g)
    for k in np.flatnonzero(is_trafo):
        _add_trafo(net, network, int(k))
    return net


def _add_lines(net: Any, network: Network, lines: Ints) -> None:
    if not len(lines):
        return
    pp.create_impedances(
        net,
        network.branch_from[lines],
        network.branch_to[lines],
        rft_pu=network.r_pu[lines],
        xft_pu=network.x_pu[lines],
        sn_mva=network.base_mva,
        gf_pu=network.g_from_pu[lines],
        bf_pu=network.b_from_pu[lines],
        gt_pu=network.g_to_pu[lines],
        bt_pu=network.b_to_pu[lines],
    )


def _add_trafo(net: Any, network: Network, k: int) -> None:
    z, base = np.hypot(network.r_pu[k], network.x_pu[k]), network.base_mva
    pp.create_transformer_from_parameters(
        net,
        network.branch_from[k],
        network.branch_to[k],
        sn_mva=base,
        vn_hv_kv=_NOMINAL_KV * network.tap[k],
        vn_lv_kv=_NOMINAL_KV,
        vkr_percent=100.0 * network.r_pu[k],
        vk_percent=100.0 * z * (-1.0 if network.x_pu[k] < 0 else 1.0),
        pfe_kw=0.0,
        i0_percent=0.0,
        shift_degree=np.rad2deg(network.shift_rad[k]),
    )
    square = network.tap[k] ** 2
    ends = (
        (network.branch_from[k], network.g_from_pu[k] / square, network.b_from_pu[k] / square),
        (network.branch_to[k], network.g_to_pu[k], network.b_to_pu[k]),
    )
    for bus, g, b in ends:
        pp.create_shunt(net, bus, q_mvar=-b * base, p_mw=g * base)
