"""DC power flow: active flows only, from angles that depend linearly on injections.

    p_from = b (θ_from − θ_to − shift),   b = 1 / (x · tap)

It knows no voltage magnitudes, no reactive power and no branch losses (only the conductance of bus shunts).

Source: B. Stott, J. Jardim, O. Alsaç, "DC power flow revisited", IEEE Trans. PWRS 24 (2009); MATPOWER User's Manual, 3.7.
"""

from __future__ import annotations

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.adjusted import solve_adjusted
from gridpilot.powerflow.group import Inputs, Outputs
from gridpilot.powerflow.seam import as_inputs, check_fused, refuse_extras, refuse_switching, solve_each, with_roles
from gridpilot.powerflow.sensitivities import DcSystem, check_reactances, dc_system
from gridpilot.powerflow.ybus import bus_shunts
from gridpilot.values import SLACK, Bools, Codes, Floats, Flow, ReactiveLimits, Status

_TOPOLOGIES_KEPT = 256


class Dc:
    """The DC engine; keeps the factorised equations of the topologies it has met."""

    name = "dc"
    has_voltages = False

    def __init__(self, network: Network) -> None:
        """Raises `PhysicsError` for a branch without reactance, or where bus-bus switches are closed."""
        check_reactances(network)
        check_fused(network)
        self.network = network
        self._shunt_mw = bus_shunts(network).real * network.base_mva
        self._systems: dict[bytes, DcSystem] = {}

    def __reduce__(self) -> tuple[type[Dc], tuple[Network]]:
        # factorised equations cannot be copied to another process; they are made again there
        return Dc, (self.network,)

    def solve(
        self, p_mw: Floats, q_mvar: Floats, *, kind: Codes, v_set_pu: Floats, closed: Bools, start: Flow | None = None,
        limits: ReactiveLimits | None = None, share: Floats | None = None, switch_closed: Bools | None = None,
        tap: Floats | None = None, bank_mvar: Floats | None = None,
    ) -> Flow:  # fmt: skip
        """See `PowerFlow.solve`. `q_mvar`, `v_set_pu` and `start` are checked but have no effect."""
        refuse_extras(self.name, limits, share)
        refuse_switching(self.name, switch_closed)
        given = as_inputs(self.network, p_mw, q_mvar, kind, v_set_pu, closed, start, tap=tap, bank_mvar=bank_mvar)
        if tap is not None or bank_mvar is not None:
            return solve_adjusted(self.network, Dc, given, start)
        inputs = with_roles(self.network, given)
        return solve_each(self.network, inputs, self._solve_element)

    def _solve_element(self, inputs: Inputs, out: Outputs, b: int) -> None:
        network, energised = self.network, out.energised[b]
        try:
            system = self._system(inputs.closed[b], energised, inputs.kind[b])
        except RuntimeError:  # SuperLU: the matrix is singular
            out.status[b] = Status.DIVERGED
            return
        net = np.where(energised, inputs.p_mw[b] - self._shunt_mw, 0.0) / network.base_mva
        shifted = system.susceptance * network.shift_rad
        np.add.at(net, network.branch_from, shifted)
        np.subtract.at(net, network.branch_to, shifted)
        angle = np.zeros(network.n_bus)
        if system.factors is not None:
            angle[system.free] = system.factors.solve(net[system.free])
        flow = system.flow_matrix @ angle - shifted
        out.p_from[b], out.p_to[b] = flow * network.base_mva, -flow * network.base_mva
        out.loading[b] = np.abs(out.p_from[b]) / network.rating_mva
        out.v_re[b], out.v_im[b] = energised * np.cos(angle), energised * np.sin(angle)
        out.losses[b] = self._shunt_mw[energised].sum()
        self._write_injections(inputs, out, b)

    def _write_injections(self, inputs: Inputs, out: Outputs, b: int) -> None:
        network, energised = self.network, out.energised[b]
        leaving = np.where(energised, self._shunt_mw, 0.0)
        np.add.at(leaving, network.branch_from, out.p_from[b])
        np.add.at(leaving, network.branch_to, out.p_to[b])
        given = np.where(energised, inputs.p_mw[b], 0.0)
        balances = energised & (inputs.kind[b] == SLACK)
        out.p_bus[b] = np.where(balances, leaving, given)
        out.residual[b] = np.abs(out.p_bus[b] - leaving).max()

    def _system(self, closed: Bools, energised: Bools, kind: Codes) -> DcSystem:
        key = closed.tobytes() + energised.tobytes() + (kind == SLACK).tobytes()
        if key not in self._systems:
            if len(self._systems) == _TOPOLOGIES_KEPT:
                self._systems.pop(next(iter(self._systems)))
            self._systems[key] = dc_system(self.network, closed=closed, energised=energised, kind=kind)
        return self._systems[key]
