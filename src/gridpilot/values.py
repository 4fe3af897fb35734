"""The values that pass between layers: frozen, with a leading batch axis `[B, …]`.

Signs and units: `gridpilot.units`. An *element* is a member of the batch, a *component* a part of the grid.
`n` buses, `m` branches, `R` roles, `C` constraints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Bools = NDArray[np.bool_]


class Status(IntEnum):
    """How the power flow of one element ended."""

    OK = 0
    DIVERGED = 1
    ISLANDED = 2
    LOW_VOLTAGE = 3
    NON_FINITE = 4

    @property
    def sentence(self) -> str:
        """What happened, and what to try."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.OK: "Solved: every bus is energised and the mismatch is below the tolerance.",
    Status.DIVERGED: "No solution was found: the grid is beyond its voltage-stability limit; "
    "relieve it by less load or more reactive support.",
    Status.ISLANDED: "Solved, with at least one bus cut off from every source: close a branch to reach it again.",
    Status.LOW_VOLTAGE: "A solution was found at a voltage no grid survives: read it as a voltage collapse.",
    Status.NON_FINITE: "An input was not a finite number: look for NaN in the injections.",
}

PQ, PV, SLACK, OFF, FORMING = 0, 1, 2, 3, 4
"""Bus kinds: fixed p and q; fixed p and v; fixed v and angle; not built yet (neither energised nor unserved); like PV, but
where its island has no slack the first such bus holds it, as a grid-forming unit does."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What the grid does: one solved power flow per element.

    Of an element whose status is neither OK nor ISLANDED every value is finite and meaningless (voltages are
    those of the start); `usable` tells. De-energised buses have 0 pu, their branches 0 MW.
    """

    v_re_pu: Floats
    v_im_pu: Floats
    """Bus voltages in rectangular coordinates `[B, n]`."""
    v_pu: Floats
    """Voltage magnitudes `[B, n]`."""
    p_from_mw: Floats
    q_from_mvar: Floats
    p_to_mw: Floats
    q_to_mvar: Floats
    """Power into the branch at either end `[B, m]`."""
    loading: Floats
    """Larger of both ends over the rating `[B, m]`; 1.0 is the rating, 0 without a rating."""
    p_bus_mw: Floats
    q_bus_mvar: Floats
    """Injection at every bus as solved `[B, n]`: the given one, but where the bus fixes voltage."""
    losses_mw: Floats
    """Branch and shunt losses `[B]`."""
    energised: Bools
    """Whether a bus has a path to a source `[B, n]`."""
    status: Codes
    """A `Status` per element `[B]`."""
    residual_mva: Floats
    """Largest mismatch at any bus `[B]`."""
    iterations: Ints
    """Newton steps taken `[B]`."""
    rescued: Bools
    """Elements that the engine's own factorisation could not solve and SciPy's, which pivots, did `[B]`."""

    @property
    def usable(self) -> Bools:
        """Elements whose numbers mean something `[B]`."""
        usable: Bools = (self.status == Status.OK) | (self.status == Status.ISLANDED)
        return usable

    @property
    def angle_rad(self) -> Floats:
        """Voltage angles `[B, n]`; 0 at a de-energised bus."""
        return np.arctan2(self.v_im_pu, self.v_re_pu)


@dataclass(frozen=True, slots=True, eq=False)
class ReactiveLimits:
    """What the units at regulating buses can give and take: bounds of the bus's net injection in Mvar, `[B, n]` or `[1, n]`.

    A PV bus that would need more stands at its limit, with its voltage free. Infinite where there is none.
    """

    q_min_mvar: Floats
    q_max_mvar: Floats


class PowerFlow(Protocol):
    """The seam between the twin and whatever solves power flows: one method on arrays.

    An engine is built for one network and keeps what depends on its pattern only.
    """

    name: str
    has_voltages: bool
    """Whether magnitudes mean anything; a DC engine says False and returns 1 pu."""

    def solve(
        self,
        p_mw: Floats,
        q_mvar: Floats,
        *,
        kind: Codes,
        v_set_pu: Floats,
        closed: Bools,
        start: Flow | None = None,
        limits: ReactiveLimits | None = None,
        share: Floats | None = None,
        switch_closed: Bools | None = None,
        tap: Floats | None = None,
        bank_mvar: Floats | None = None,
    ) -> Flow:
        """Solve one power flow per element.

        `p_mw`, `q_mvar` `[B, n]` net injections; `kind` `[B, n]` of `PQ`, `PV`, `SLACK`, `OFF`, `FORMING`; `v_set_pu`
        `[B, n]` read at PV, SLACK and FORMING buses; `closed` `[B, m]` branches in service; `start` a flow to begin from,
        element by element, where its own is usable. What all elements have in common may have one row, `[1, …]`.

        `limits` bounds what PV buses inject. `share` `[B, n]` ≥ 0 says in what proportion buses take up what the
        injections of their island leave over, a distributed slack; without it, and in an island whose shares are all 0,
        the slack bus takes all. With it, slack buses but the first of an island only hold their voltage.

        `switch_closed` `[B, s]` or `[1, s]` has the positions of the network's bus-bus switches; without it they are as the
        network has them. Only an engine that was built for `switching` takes it.

        `tap` `[B, m]` or `[1, m]` are ratios of branches in the place of the network's (its branches keep their impedances),
        `bank_mvar` `[B, n]` or `[1, n]` what capacitor banks supply at 1 pu, beside the network's shunts: Q = bank · v². `newton`
        solves all positions in one batch, the others the elements of each combination by themselves.

        Raises `PhysicsError` for wrong shapes and ratios that are not positive, and where an engine does not know `limits`,
        `share` or `switch_closed`. An element that fails is a `Status`, never an exception or a NaN.
        """
        ...


# ---------------------------------------------------------------------------------------------- decisions


@dataclass(frozen=True, slots=True)
class Action:
    """One order to one component, with the operator's signs: the JSON face's `actions` entry."""

    type: str
    target: str
    params: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


RISK_LEVELS = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a model was asked."""

    outcome: str
    """`answered`, `wrong` (no valid decision), `late`, `busy` (429), `failed` (5xx, no connection) or `rejected` (any other error)."""
    ms: float
    """Wall time."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Deliberation:
    """How an agent came to its decision."""

    decided_by: str
    """The agent itself, or the stand-in which decided in its place."""
    why: str = ""
    """Why a stand-in decided; empty exactly where the agent itself did."""
    model: str = ""
    """Model that was asked, with its adapter."""
    attempts: tuple[Attempt, ...] = ()
    """In the order in which they ended."""
    candidates: tuple[Candidate, ...] = ()
    """What was weighed, as previewed on the outlook, doing nothing first; empty where there was no choice."""
    kept: int | None = None
    """Place of the chosen one in `candidates`; None where there was no choice."""
    passages: tuple[str, ...] = ()
    """Ids of the passages that the model was shown."""
    prompt_tokens: int = 0
    """Estimated length of the prompt, from above."""
    wrong_claims: tuple[str, ...] = ()
    """What the assessment says of the grid and the view does not, as sentences."""
    false_safe: bool = False
    """Whether the assessment or the risk level calls a grid safe in which a limit is violated."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an agent wants done, and why: the JSON face."""

    assessment: str = ""
    risk_level: str = "LOW"
    actions: tuple[Action, ...] = ()
    thinking: str = ""
    """Free text before the decision; empty for agents that do not think in words."""
    sources: tuple[str, ...] = ()
    """Ids of the knowledge that was used."""
    agent: str = ""
    invalid: bool = False
    """The reply could not be read as a decision; `assessment` says why, and there are no actions."""
    deliberation: Deliberation | None = None
    """How it came about; None for agents that do not say."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one action: requested, applied, and why they differ."""

    type: str
    target: str
    requested: float | str | None
    applied: float | str | None
    """In the JSON face's unit and sign; None when refused."""
    outcome: str
    """`applied`, `clipped` or `refused`."""
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Setpoints:
    """What devices are told: an injection, limit or change in MW (or a position) per device, and breaker positions.

    `devices[kind]` is `[B, n_kind]` with the package's signs; what each kind reads there is said in its file
    under `gridpilot.devices`. Where reactive power of some of them can be ordered it is `[B, 2 n_kind]`, those orders last.
    Setpoints hold until they are changed.
    """

    devices: Mapping[str, Floats]
    closed: Bools
    """Commanded breaker position of every branch `[B, m]`."""


@dataclass(frozen=True, slots=True, eq=False)
class Protection:
    """Memory of the protection relays, per branch `[B, m]`."""

    overload_h: Floats
    """How long the branch has been above its rating without a break."""
    lockout_h: Floats
    """Time until a branch that protection opened may be closed again; below 0, for how long it could have been."""
    tripped: Bools
    """Branches that protection opened and nobody has closed since."""


@dataclass(frozen=True, slots=True, eq=False)
class GridState:
    """Everything the next step depends on; a value. Weather and load of *now* are in it, of later are not."""

    step: Ints
    """Cycles since the episode began `[B]`."""
    row: Ints
    """Row of the world's table that holds `exogenous` `[B]`."""
    devices: Mapping[str, Any]
    """Per kind a NamedTuple of `[B, n_kind]` arrays."""
    setpoints: Setpoints
    """The orders in force."""
    faulted: Bools
    """Branches taken out by a disturbance, not closable until it is cleared `[B, m]`."""
    protection: Protection
    load_factor: Floats
    """Disturbances of loads: the factor on each load's demand `[B, n_load]`."""
    outage: Bools
    """Generators taken out by a disturbance `[B, n_generator]`."""
    exogenous: Floats
    """Weather, demand and prices now, in the columns of the model's `drivers` `[B, c]`."""
    bus_active: Bools
    branch_active: Bools
    """What of the final grid is built by now `[B, n]`, `[B, m]`."""
    flow: Flow
    """The power flow of the cycle just passed."""
    collapsed: Bools
    """Elements whose grid went down; they stay down `[B]`."""

    @property
    def batch(self) -> int:
        return len(self.step)


class Event(IntEnum):
    """What can happen to a component during a step."""

    LINE_TRIP = 1
    RESTORATION = 2
    LOAD_SPIKE = 3
    GENERATOR_OUTAGE = 4
    PROTECTION_TRIP = 5
    LOAD_SHED = 6
    RENEWABLE_SPILL = 7
    COLLAPSE = 8
    GROWTH = 9
    ISLANDED = 10


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """What happened during one step, as arrays; the twin says it in words."""

    struck: Ints
    """Scheduled disturbances of this step `[k, 5]`: element, `Event`, component, 1 at its begin or 0 at its end, channel."""
    tripped: Bools
    """Branches that protection opened in this step `[B, m]`."""
    shed_mw: Floats
    """Load shed because the slack unit was at its upper limit `[B]`."""
    spilled_mw: Floats
    """Renewable power spilled because the slack unit was at its lower limit `[B]`."""
    islanded: Bools
    """Elements in which a bus lost its supply in this step `[B]`."""
    collapsed: Bools
    """Elements whose grid went down in this step `[B]`."""
    built: Bools
    """Buses that came into service in this step `[B, n]`."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Physical and economic sums of one step, per element `[B]`; energies over the step."""

    demand_mwh: Floats
    unserved_mwh: Floats
    available_mwh: Floats
    """Renewable energy that the weather offered."""
    curtailed_mwh: Floats
    cost_usd: Floats
    co2_t: Floats
    slack_p_mw: Floats
    slack_schedule_mw: Floats
    overload_min: Floats
    """Minutes × branches above rating; a tripped or de-energised branch counts as violated."""
    voltage_min: Floats
    """Minutes × buses outside their band; a de-energised bus counts as violated."""
    max_loading: Floats
    min_v_pu: Floats
    max_v_pu: Floats
    balance_mw: Floats
    """|generation − demand − losses| of the solved step: the power balance residual."""


REWARD_TERMS = ("congestion", "voltage", "curtailment", "imbalance", "cost", "emissions", "reliability")
CONSTRAINTS = ("overload", "voltage", "unserved", "device")
"""What a policy may have to keep small: loading above 1, voltage outside its band in pu, unserved MWh, and the devices' safety measures."""


@dataclass(frozen=True, slots=True, eq=False)
class Transition:
    """One step of the twin: where it led, what it cost, what happened."""

    state: GridState
    setpoints: Setpoints
    """As clipped to what devices can do."""
    reward_terms: Floats
    """`[B, R, 7]`, unweighted, each ≤ 0, in the order of `REWARD_TERMS`; role 0 is the whole system."""
    constraint_costs: Floats
    """`[B, R, C]`, each ≥ 0, in the order of `CONSTRAINTS`."""
    reward: Floats
    """Weighted sum of the system's terms `[B]`."""
    outcomes: Outcomes
    events: Events


# ------------------------------------------------------------------------------------------ at the controls


@dataclass(frozen=True, slots=True)
class Reading:
    """One component as a role sees it now, and what it may be told: JSON-ready."""

    name: str
    kind: str
    values: Mapping[str, float | bool | str]
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Per action parameter the feasible range now, with the operator's signs."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of a preview: what following these actions would lead to on the outlook."""

    actions: tuple[Action, ...]
    receipts: tuple[Receipt, ...]
    reward: float
    terms: Mapping[str, float]
    max_loading: float
    overload_min: float
    voltage_min: float
    min_v_pu: float
    max_v_pu: float
    unserved_mwh: float
    curtailment_mwh: float
    trips: int
    survives: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """Candidates on the same outlook; do-nothing is always among them, first."""

    horizon: int
    """Cycles looked ahead."""
    nothing: Candidate
    candidates: tuple[Candidate, ...]
    """In the order they were asked for."""


class Previewer(Protocol):
    """What a role with system visibility may ask of the twin."""

    def __call__(self, candidates: Sequence[Sequence[Action]], horizon: int | None = None) -> Preview: ...


@dataclass(frozen=True, slots=True)
class View:
    """What one role sees before it decides."""

    role: str
    scenario: str
    time: str
    """Simulated local time, ISO 8601."""
    step: int
    dt_h: float
    devices: Mapping[str, Reading]
    branches: Mapping[str, Reading]
    buses: Mapping[str, Reading]
    """By component name; a bus and a device may share one."""
    verbs: Mapping[str, tuple[str, ...]]
    """Per verb the targets this role may name."""
    summary: Mapping[str, float]
    """Totals: demand, generation, slack, renewable availability, largest loading, voltage band …"""
    outlook: Mapping[str, tuple[float, ...]]
    """Forecasts, one value per cycle ahead: `demand_mw`, `renewable_mw`, `net_mw`, and every driver, `DEVICE.series`."""
    happenings: tuple[str, ...] = ()
    """Events of the last step, as sentences."""
    last_terms: Mapping[str, float] = field(default_factory=dict)
    last_receipts: tuple[Receipt, ...] = ()
    preview: Previewer | None = None
    """Only in views with system visibility."""
    sensitivity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Per device (injection +1 MW, the slack unit −1 MW) its effect on every branch's flow in MW: PTDF."""
    voltage_sensitivity: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Per device (injection +1 MW, with the reactive power that goes with it) its effect on every bus voltage in pu, around the
    AC flow of now. Empty where there is none: a grid that is down, an engine without voltages."""
    loss_sensitivity: Mapping[str, float] = field(default_factory=dict)
    """Per device (the same) its effect on the losses in MW; the slack unit then gives 1 MW less, and this more."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """What the reward makes of its terms, by name: the weighted sum of the terms is the reward."""
    instructions: tuple[str, ...] = ()
    """Standing instructions of the operator, in words."""


class Agent(Protocol):
    """A function from view to decision."""

    @property
    def name(self) -> str:
        """What its decisions are signed with."""
        ...

    def decide(self, view: View) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the desk made of a decision."""

    kind: str
    """`approved`, `modified`, `rejected`, `held` (nobody answered in time), `refused` (by the shield) or `advised` (shown only)."""
    actions: tuple[Action, ...]
    """What will be applied."""
    why: str = ""
    by: str = "auto"
    """Name of the operator, or the desk's mode where no person said so."""
    seq: int = -1
    """Sequence number of the state that it is on: cycles since the episode began."""
    at: str = ""
    """Wall clock, ISO 8601 UTC."""
