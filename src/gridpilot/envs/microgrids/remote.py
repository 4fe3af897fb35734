"""Grid agents behind a message broker: they own their devices, the environment hears what the devices do.

Every step is two rounds of the step protocol (`gridpilot.agents.grid.dialogue`). Nothing here knows a device's parameters or
state but from what its agent says, so that what an agent's process changes is what the grid sees.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from gridpilot.agents.grid import Act, Begin, DirectOrder, GridAgent, KindSheet, Network, Receipt, Report, Sheet, Standing, Unclosed
from gridpilot.devices import Outcome
from gridpilot.envs.episodes import Cycle, Episodes
from gridpilot.envs.ground import Ground
from gridpilot.envs.microgrids.config import IN_MEMORY, MicrogridsConfig
from gridpilot.envs.microgrids.course import Act as ActThrough
from gridpilot.envs.microgrids.members import Member, Members
from gridpilot.envs.nursery import new_world
from gridpilot.errors import BrokerError, MessageError
from gridpilot.messages.faults import Faults
from gridpilot.messages.signing import Keyring
from gridpilot.messages.steps import StepSession, StepSettings
from gridpilot.messages.steps.settings import DEADLINE
from gridpilot.messages.wire import Wire
from gridpilot.twin.elsewhere import Reported, run_elsewhere
from gridpilot.twin.memory import Memory, Piece
from gridpilot.twin.model import Model
from gridpilot.twin.start import set_out
from gridpilot.values import Bools, Floats, Ints

_HERE = "here"
"""Name of the host in this process."""
_TOLD = len(Outcome._fields) + 1
"""What a device tells of a step: the fields of its outcome, and how far it is beyond what it is meant for."""


States = list[list[list[float]]]
"""Per kind the fields of its state, device by device; flags as 0 and 1."""


class Exchange(NamedTuple):
    """What agents said in a step: enough to take the grid through it again without them. Numbers alone, as JSON knows them."""

    reported: list[list[float]]
    """The fields of `Reported`, device by device."""
    outcomes: list[list[float]]
    """The fields of `Outcome` and how far a device is beyond what it is meant for, device by device."""
    states: list[States]
    """Per member as in its receipt."""


class RemoteDevices:
    """The members' devices in one element, kept by their agents: a `gridpilot.twin.elsewhere.Keeper`."""

    def __init__(self, config: MicrogridsConfig, members: Members, model: Model) -> None:
        """Connects to the broker and waits for all agents; raises what `StepSession` raises, and `BrokerError` where one is missing."""
        self._members = members
        self._places = [_Places(member, model) for member in members.all]
        adjusts = np.repeat([bool(kind.adjusts) for kind in model.kinds], [len(model.scenario.tables[kind.name]) for kind in model.kinds])
        self._adjusts = {member.name: adjusts[member.devices] for member in members.all}
        """Which of a member's devices are tap changers or banks."""
        self._sheets = {
            member.name: _sheet(member, places, members, model, config) for member, places in zip(members.all, self._places, strict=True)
        }
        self._episode, self._deadline_s, self._join_s = 0, config.deadline_s, config.join_s
        self.messages: Counter[str] = Counter()
        """Logical messages by kind, before any share an envelope; `receipt` is the step protocol's own, which closes a step."""
        self._mode, self._hold_cycles = config.mode, config.hold_cycles
        self._seats: list[_Seat] = []
        self._lost: set[str] = set()
        self._step = 0
        self._known: deque[Exchange] = deque()
        self._outcomes: Floats
        self.missed: dict[str, int] = {}
        """For how many cycles each agent has been silent."""
        settings = StepSettings(mode=config.mode, deadline_s=config.deadline_s)
        faults = Faults(**config.faults) if config.faults else None
        # Messages that leave the process are signed where there are keys.
        wire = Wire(keyring=None if config.message_broker == IN_MEMORY else Keyring.from_environment())
        self.session = StepSession(config.message_broker, config.run, wire=wire, settings=settings, faults=faults, epoch=config.epoch)
        try:
            if config.hosts == "here":
                self.session.host(_HERE, {member.name: GridAgent(member.name).answer for member in members.all})
            self.session.wait_for([member.name for member in members.all], config.join_s)
        except BaseException:
            self.session.close()
            raise

    @property
    def devices(self) -> Ints:
        """In the flat order of all kinds `[k]`."""
        return self._members.devices

    @cached_property
    def orders(self) -> Ints:
        """Places of their first setpoints among all setpoints `[k]`."""
        return np.concatenate([member.own.orders for member in self._members.all])

    @cached_property
    def mvar_orders(self) -> tuple[Ints, Ints]:
        """Devices that are ordered reactive power, and the places of these orders."""
        direct, first = self._members.direct, np.cumsum([0, *(len(member.devices) for member in self._members.all)])
        owner = np.repeat(first[:-1], [len(member.own.direct.names) for member in self._members.all])
        return (owner + direct.device)[direct.reactive], direct.order[direct.reactive]

    def new_episode(self) -> None:
        """What comes next is the first state of another episode."""
        self._episode += 1

    def play_back(self, exchanges: Iterable[Exchange]) -> None:
        """Take these as what agents say in the next steps, without asking them; after that, all take over where they then stand."""
        self._known.extend(exchanges)
        self._lost = {member.name for member in self._members.all}

    def order(self, moves: Floats) -> None:
        """The actions of all members for the next step `[1, E]`."""
        ends = np.cumsum(self._members.entries)[:-1]
        self._moves = [own[0].tolist() for own in np.split(moves, ends, axis=1)]

    def inject(self, piece: Piece, first: bool) -> Reported:
        """Round one: actions out, reports in. The devices of a silent agent hold what they did, and then are off the grid."""
        self._step = int(piece.grids.state.step[0])
        if first:
            self._seats = [
                _Seat(places.read_states(piece), adjusts) for places, adjusts in zip(self._places, self._adjusts.values(), strict=True)
            ]
        if self._known:
            return self._heard_before()
        if first:
            asked: dict[str, object] = {m.name: self._begin(piece, k) for k, m in enumerate(self._members.all)}
            reports = self._ask("begin", asked, list[Report], self._join_s)
        else:
            self._resume(piece)
            asked = {m.name: self._act(piece, k) for k, m in enumerate(self._members.all)}
            reports = self._ask("act", asked, list[Report], self._deadline_s)
        self.messages["action"] += len(asked)
        for seat, member in zip(self._seats, self._members.all, strict=True):
            heard = reports.get(member.name)
            if heard is None:
                seat.miss(self._hold_cycles)
            else:
                seat.hear(self._checked(member, heard))
                self.messages["report"] += len(heard)
                self.messages["setpoint"] += 0 if first else self._members.told(member)
        return self._reported()

    def _heard_before(self) -> Reported:
        ends = np.cumsum([len(member.devices) for member in self._members.all])[:-1]
        for seat, own in zip(self._seats, np.split(np.array(self._known[0].reported), ends, axis=1), strict=True):
            seat.hear(own)
        return self._reported()

    def _reported(self) -> Reported:
        self.missed = {m.name: seat.silent for seat, m in zip(self._seats, self._members.all, strict=True)}
        rows = zip(self._fields, zip(*(seat.reported for seat in self._seats), strict=True), strict=True)
        return Reported(**{field: np.concatenate(row)[None] for field, row in rows})

    @cached_property
    def _fields(self) -> tuple[str, ...]:
        """Those of `Reported` that its devices tell."""
        told = (True, True, True, len(self.mvar_orders[0]) > 0, any(own.any() for own in self._adjusts.values()))
        return tuple(field for field, tells in zip(Reported._fields, told, strict=True) if tells)

    def settle(self, piece: Piece, first: bool) -> Floats:
        """Round two: what devices exchanged out, what it cost and what has become of them in.

        What an agent has not closed it is told again with the next action; until it answers, its devices cost nothing and stay
        as they were last known.
        """
        if self._known:
            before = self._known.popleft()
            for seat, states in zip(self._seats, before.states, strict=True):
                seat.states = states
            self._outcomes = np.array(before.outcomes)[:, None]
        else:
            self._outcomes = self._settled(piece, first)
        for places, seat in zip(self._places, self._seats, strict=True):
            # Of a silent agent too: what the environment's own fleet has made of its devices is nobody's state.
            places.write_states(piece, seat.states)
        return self._outcomes

    @property
    def last(self) -> Exchange:
        """What was said in the last step."""
        reported = np.concatenate([seat.reported for seat in self._seats], axis=1)
        return Exchange(reported.tolist(), self._outcomes[:, 0].tolist(), [seat.states for seat in self._seats])

    def _settled(self, piece: Piece, first: bool) -> Floats:
        real = piece.grids.work.real_mw[0]
        here = [(k, m) for k, m in enumerate(self._members.all) if not self._seats[k].silent]
        asked: dict[str, object] = {m.name: Network(self._step, real[m.devices].tolist(), first) for _, m in here}
        receipts = self._ask("settle", asked, Receipt, self._deadline_s)
        self.messages.update(network=len(asked), receipt=len(receipts))
        outcomes = [np.zeros((_TOLD, 1, len(member.devices))) for member in self._members.all]
        for k, member in enumerate(self._members.all):
            receipt, seat = receipts.get(member.name), self._seats[k]
            if receipt is None:
                seat.backlog.append(Unclosed(self._step, *self._sensed(piece, k), real[member.devices].tolist()))
                continue
            seat.backlog.clear()
            seat.states = self._places[k].checked(receipt.states, member.name)
            if not first:
                outcomes[k] = np.array(receipt.outcomes, dtype=np.float64).reshape(_TOLD, 1, -1)
        return np.concatenate(outcomes, axis=2)

    def _begin(self, piece: Piece, k: int, standing: Standing | None = None) -> Begin:
        return Begin(self._sheets[self._members.all[k].name], *self._sensed(piece, k), standing)

    def _act(self, piece: Piece, k: int) -> Act:
        return Act(self._step, self._moves[k], *self._sensed(piece, k), self._seats[k].backlog)

    def _sensed(self, piece: Piece, k: int) -> tuple[list[bool], list[float]]:
        """Who is in service, and weather, in the order of a member's devices."""
        present = piece.grids.work.in_service[0, self._members.all[k].devices].tolist()
        return present, piece.grids.state.exogenous[0, self._places[k].weather].tolist()

    def _resume(self, piece: Piece) -> None:
        """Give agents that were started anew the states that their devices were last known in."""
        lost = {m.name: k for k, m in enumerate(self._members.all) if m.name in self._lost}
        if not lost:
            return
        self._lost.clear()
        asked = {name: self._begin(piece, k, self._standing(piece, k)) for name, k in lost.items()}
        self._ask("resume", asked, list[Report], self._join_s)

    def _standing(self, piece: Piece, k: int) -> Standing:
        own, orders = self._members.all[k].own, piece.grids.state.orders[0]
        mvar = np.zeros(len(own.devices))
        mvar[own.direct.device[own.direct.reactive]] = orders[own.direct.order[own.direct.reactive]]
        told = mvar.tolist() if own.direct.reactive.any() else []
        return Standing(orders[own.orders].tolist(), self._seats[k].states, told)

    def close(self) -> None:
        """Leave the broker; agents of this process end."""
        self.session.close()

    def _ask(self, phase: str, payloads: Mapping[str, object], reply: Any, patience_s: float) -> dict[str, Any]:
        """Answers by role. In lockstep, and where an episode begins, all must answer.

        Raises `BrokerError` which names the silent ones, and `MessageError` with what every agent that refused says.
        """
        # An agent that begins may have to compile its devices first.
        answers = self.session.ask(self._episode, self._step, phase, payloads, reply, patience_s)
        if phase != "begin" and self._mode == DEADLINE:
            self._lost |= answers.failed.keys()
            return answers.values
        if answers.failed:
            listed = "; ".join(f"{role}: {why}" for role, why in answers.failed.items())
            raise MessageError("refused", f"Some agents cannot answer {phase!r}: {listed}")
        if answers.missed:
            raise BrokerError(f"{', '.join(answers.missed)} did not answer {phase!r} within {patience_s:g} s: no episode can begin.")
        return answers.values

    def _checked(self, member: Member, reports: list[Report]) -> Floats:
        """The `_fields` of a member's devices `[3 to 5, k]`; raises `MessageError` for reports of other devices, or of too little."""
        own, names = member.own, tuple(report.device for report in reports)
        if names != own.names:
            raise MessageError("payload", f"{member.name} reports of {', '.join(names)}; expected {', '.join(own.names)}.")
        told = [[getattr(report, field) for report in reports] for field in self._fields]
        owed = {"order_mvar": own.direct.device[own.direct.reactive], "adjusted": np.flatnonzero(self._adjusts[member.name])}
        for field in self._fields[3:]:
            if lost := [names[k] for k in owed[field] if getattr(reports[k], field) is None]:
                raise MessageError("payload", f"{member.name} reports no {field} of {', '.join(lost)}.")
        return np.array([[0.0 if value is None else value for value in row] for row in told])


def begin_elsewhere(ground: Ground, seed: int, day: str | None, remote: RemoteDevices) -> Episodes:
    """A new episode whose agents keep their devices from its first state on."""
    world = new_world(ground, [seed], day)
    memory = Memory(ground.model, 1)
    set_out(ground.model, memory)
    memory.blocks.view("row")[...] = world.first_row - 1
    remote.new_episode()
    run_elsewhere(ground.model, world, memory.pieces[0], remote, first=True)
    return Episodes(ground, world, memory)


def remote_act(remote: RemoteDevices) -> ActThrough:
    """Agents decide where they are."""

    def act(episodes: Episodes, moves: Floats) -> Cycle:
        remote.order(moves)
        return partial(run_elsewhere, keeper=remote)

    return act


class _Seat:
    """What the environment knows of an agent that may be silent."""

    def __init__(self, states: States, stays: Bools) -> None:
        self.reported: Floats
        """What its devices said last, or what they are taken to do `[3 to 5, k]`."""
        self._stays = stays
        """Tap changers and banks: they stand where they are without anybody."""
        self.states = states
        """Those that its devices were last known in."""
        self.silent = 0
        """For how many cycles."""
        self.backlog: list[Unclosed] = []

    def hear(self, reported: Floats) -> None:
        """A report has come."""
        self.reported, self.silent = reported, 0

    def miss(self, hold_cycles: int) -> None:
        """None has: devices hold, and after so many cycles their own protection takes them off the grid."""
        self.silent += 1
        if self.silent > hold_cycles:
            self.reported = np.where(self._stays, self.reported, 0.0)


class _Places:
    """Where the devices of a member stand among all of their kinds."""

    def __init__(self, member: Member, model: Model) -> None:
        self.kinds: list[tuple[int, Ints]] = []
        weather: list[Ints] = []
        for k, kind in enumerate(model.kinds):
            devices, columns = model.slices[kind.name], model.columns[kind.name]
            own = member.devices[(member.devices >= devices.start) & (member.devices < devices.stop)] - devices.start
            if len(own):
                self.kinds.append((k, own))
                n = devices.stop - devices.start
                weather += [columns.start + series * n + own for series in range(len(kind.series))]
        self._fields = [len(model.kinds[k].state._fields) for k, _ in self.kinds]
        self.weather: Ints = np.concatenate([*weather, np.zeros(0, dtype=np.int64)]).astype(np.int64)

    def read_states(self, piece: Piece) -> States:
        """The states that a piece holds."""
        return [[np.asarray(values[0, own], dtype=np.float64).tolist() for values in piece.states[k]] for k, own in self.kinds]

    def write_states(self, piece: Piece, states: States) -> None:
        """Let a piece hold these."""
        for (k, own), tables in zip(self.kinds, states, strict=True):
            for values, table in zip(piece.states[k], tables, strict=True):
                values[0, own] = table

    def checked(self, states: States, name: str) -> States:
        """The states themselves; raises `MessageError` for those of other devices."""
        found = [[len(table) for table in tables] for tables in states]
        expected = [[len(own)] * fields for (_, own), fields in zip(self.kinds, self._fields, strict=True)]
        if found != expected:
            raise MessageError("payload", f"{name} told states of {found} numbers; expected {expected}, field by field of each kind.")
        return states


def _sheet(member: Member, places: _Places, members: Members, model: Model, config: MicrogridsConfig) -> Sheet:
    kinds = []
    for k, own in places.kinds:
        kind = model.kinds[k]
        names = [model.scenario.tables[kind.name].name[one] for one in own]
        parameters = {field: np.asarray(values)[own].tolist() for field, values in model.parameters(kind.name)._asdict().items()}
        kinds.append(KindSheet(kind.name, names, parameters, dict(members.wishes[kind.name])))
    direct = member.own.direct
    orders = (column.tolist() for column in (direct.device, direct.reactive, direct.low, direct.high))
    return Sheet(
        role=member.name,
        dt_h=model.dt_h,
        kinds=kinds,
        vertical=config.vertical,
        options=dict(config.vertical_options),
        low_mw=member.own.low_mw.tolist(),
        high_mw=member.own.high_mw.tolist(),
        direct=[DirectOrder(*order) for order in zip(*orders, strict=True)],
        uncoordinated=sorted(set(range(len(member.devices))) - set(member.own.powers.tolist())),
    )
