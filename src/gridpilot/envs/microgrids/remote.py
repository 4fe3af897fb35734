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

from gridpilot.agents.coordination.horizontal.consensus import Consensus
from gridpilot.agents.grid import (
    Act,
    Begin,
    GridAgent,
    Network,
    Progress,
    Receipt,
    Report,
    Standing,
    Unclosed,
)  # fmt: skip
from gridpilot.devices import Outcome
from gridpilot.envs.episodes import Episodes
from gridpilot.envs.ground import Ground
from gridpilot.envs.microgrids.agreement import Agreement, Heard
from gridpilot.envs.microgrids.config import IN_MEMORY, MicrogridsConfig
from gridpilot.envs.microgrids.course import Rooms
from gridpilot.envs.microgrids.hearing import Hearing, States
from gridpilot.envs.microgrids.market import Orders, RemoteMarket
from gridpilot.envs.microgrids.members import Member, Members, side_by_side
from gridpilot.envs.microgrids.orders import mvar_by_device
from gridpilot.envs.microgrids.places import Places
from gridpilot.envs.microgrids.sheets import make_sheet
from gridpilot.envs.nursery import new_world
from gridpilot.errors import BrokerError, MessageError
from gridpilot.messages.faults import Faults
from gridpilot.messages.signing import Keyring
from gridpilot.messages.steps import Received, StepSession, StepSettings, Watch, unwatched
from gridpilot.messages.steps.settings import DEADLINE, FREE_RUNNING, LOCKSTEP
from gridpilot.messages.wire import Wire
from gridpilot.twin.cycle import Cycle
from gridpilot.twin.elsewhere import Reported, run_elsewhere
from gridpilot.twin.memory import Piece
from gridpilot.twin.model import Model
from gridpilot.twin.start import first_memory
from gridpilot.values import Floats, Ints

_HERE = "here"
"""Name of the host that all agents of this process share."""
_TOLD = len(Outcome._fields) + 1
"""What a device tells of a step: the fields of its outcome, and how far it is beyond what it is meant for."""

_ALIVE = "Look whether the agent's process runs, and start it again if not"
_LONGER = f"{_ALIVE}; give it longer with deadline_s, or go on without silent agents in mode 'deadline'."
_LONGER_TO_BEGIN = f"{_ALIVE}; give it longer with join_s where it compiles its devices first."


class Exchange(NamedTuple):
    """What agents said in a step: enough to take the grid through it again without them. Numbers alone, as JSON knows them."""

    reported: list[list[float]]
    """The fields of `Reported`, device by device."""
    outcomes: list[list[float]]
    """The fields of `Outcome` and how far a device is beyond what it is meant for, device by device."""
    states: list[States]
    """Per member as in its receipt."""
    orders: Orders
    """Per member what it ordered in the market, null of who said nothing."""
    spoken: list[int]
    """Per member in how many rounds of an agreement it spoke."""


class RemoteDevices:
    """The members' devices in one element, kept by their agents: a `gridpilot.twin.elsewhere.Keeper`."""

    def __init__(self, config: MicrogridsConfig, members: Members, model: Model, watch: Watch = unwatched) -> None:
        """Connects to the broker and waits for all agents; raises what `StepSession` raises, and `BrokerError` where one is missing."""
        self._members = members
        names = [member.name for member in members.all]
        self.agreement = Agreement(members.horizontal, names) if isinstance(members.horizontal, Consensus) else None
        self.market = RemoteMarket(members.horizontal, names)
        self._places = [Places(member, model) for member in members.all]
        self._told = {member.name: members.told(member) for member in members.all}
        self._entries = side_by_side(members.entries)
        adjusts = np.repeat([bool(kind.adjusts) for kind in model.kinds], [len(model.scenario.tables[kind.name]) for kind in model.kinds])
        self._adjusts = {member.name: adjusts[member.devices] for member in members.all}
        """Which of a member's devices are tap changers or banks."""
        self._sheets = {
            member.name: make_sheet(member, places, members, model, config, self._weights(k))
            for k, (member, places) in enumerate(zip(members.all, self._places, strict=True))
        }
        self._episode, self._deadline_s, self._join_s = 0, config.deadline_s, config.join_s
        self.messages: Counter[str] = Counter()
        """Logical messages by kind, before any share an envelope; `receipt` is the step protocol's own, which closes a step."""
        self._mode, self._hold_cycles = config.step_mode, config.hold_cycles
        # Agents in memory have no clock of their own: what they are taken to do depends on cycles alone.
        self._counts_cycles = config.hosts == "here" and self._mode != FREE_RUNNING
        self._valid_s = (1 + config.hold_cycles) * config.deadline_s
        """For how long devices follow an order, from when it was sent."""
        self._sent_s: dict[int, float] = {}
        """When a step was asked."""
        self._found_s = 0.0
        """When it was found who is silent."""
        self._late: list[Floats] = []
        """Outcomes that were told in this step, of steps before."""
        self._seats: list[Hearing] = []
        self._lost: set[str] = set()
        self._step = 0
        self._known: deque[Exchange] = deque()
        self._played_back: Exchange | None = None
        self._outcomes: Floats
        self.missed: dict[str, int] = {}
        """For how many cycles each agent has been silent."""
        # Of a step in lockstep `_ask` says who was silent.
        mode = DEADLINE if self._mode == LOCKSTEP else self._mode
        settings = StepSettings(mode=mode, deadline_s=config.deadline_s, pace_s=config.pace_s)
        self._is_faulty = bool(config.faults)
        faults = Faults(**config.faults) if config.faults else None
        # Messages that leave the process are signed where there are keys.
        wire = Wire(keyring=None if config.message_broker == IN_MEMORY else Keyring.from_environment())
        self.session = StepSession(
            config.message_broker, config.run, wire=wire, settings=settings, faults=faults, epoch=config.epoch, watch=watch
        )
        try:
            if config.hosts == "here":
                self._host_here()
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

    def _host_here(self) -> None:
        """Agents of this process share a host, and their messages; with faults each is a host of its own, lost by itself."""
        answers = {member.name: GridAgent(member.name).answer for member in self._members.all}
        hosts = {name: {name: answer} for name, answer in answers.items()} if self._is_faulty else {_HERE: answers}
        for host, roles in hosts.items():
            self.session.host(host, roles)

    def new_episode(self) -> None:
        """What comes next is the first state of another episode."""
        self._episode += 1
        self.market.open()

    def play_back(self, exchanges: Iterable[Exchange]) -> None:
        """Take these as what agents say in the next steps, without asking them; after that, all take over where they then stand."""
        self._known.extend(exchanges)
        self._lost = {member.name for member in self._members.all}

    def order(self, moves: Floats, prices: Floats) -> None:
        """The actions of all members for the next step: what moves devices `[1, E]`, and prices of trades `[1, A]` or `[1, 0]`."""
        said = moves[0].tolist()
        self._moves = [said[own] for own in self._entries]
        for own, price in zip(self._moves, prices[0].tolist(), strict=False):
            own.append(price)

    def inject(self, piece: Piece, first: bool) -> Reported:
        """Round one: actions out, reports in. The devices of a silent agent hold what they did, and then are off the grid."""
        self._step = int(piece.grids.state.step[0])
        if first:
            self._seats = [
                Hearing(places.read_states(piece), adjusts) for places, adjusts in zip(self._places, self._adjusts.values(), strict=True)
            ]
            self._sent_s = {}
        self._late = [np.zeros((_TOLD, 1, len(member.devices))) for member in self._members.all]
        if self._known:
            return self._heard_before()
        if self._mode == FREE_RUNNING and not first:
            return self._proceed(piece)
        if first:
            asked: dict[str, object] = {m.name: self._begin(piece, k) for k, m in enumerate(self._members.all)}
            reports = self._ask("begin", asked, list[Report], self._join_s)
        else:
            self._resume(piece)
            letters = self._agree()
            asked = {m.name: self._act(piece, k, letters[k]) for k, m in enumerate(self._members.all)}
            reports = self._ask("act", asked, list[Report], self._deadline_s)
        self.messages["action"] += len(asked)
        for seat, member in zip(self._seats, self._members.all, strict=True):
            heard = reports.get(member.name)
            if heard is None:
                seat.silent += 1
                self._let_go(seat)
            else:
                self._hear(seat, member, heard, first)
        return self._reported()

    def _hear(self, seat: Hearing, member: Member, reports: list[Report], first: bool) -> None:
        seat.hear(self._checked(member, reports))
        self.messages["report"] += len(reports)
        self.messages["setpoint"] += 0 if first else self._told[member.name]

    def _let_go(self, seat: Hearing) -> None:
        """Devices of a silent agent hold for so many cycles, or until their orders are no longer valid, and then leave the grid."""
        if seat.silent > self._hold_cycles if self._counts_cycles else self.session.now_s >= seat.valid_until_s:
            seat.leave_grid()

    def _proceed(self, piece: Piece) -> Reported:
        """Actions and the backlog out, and the newest answers in, of whichever step they are."""
        self._resume(piece)
        self._sent_s[self._step] = self.session.now_s
        asked: dict[str, object] = {m.name: self._act(piece, k, []) for k, m in enumerate(self._members.all)}
        answers = self.session.ask(self._episode, self._step, "proceed", asked, Progress, self._deadline_s)
        self._lost |= answers.failed.keys()
        self.messages["action"] += len(asked)
        for k, (seat, member) in enumerate(zip(self._seats, self._members.all, strict=True)):
            newest = answers.replies.get(member.name)
            if newest is not None and newest.at.step > seat.heard_step:
                self._catch_up(k, newest)
            seat.silent = self._step - seat.heard_step
            self._let_go(seat)
        return self._reported()

    def _catch_up(self, k: int, newest: Received) -> None:
        """Take what an agent says newly: what its devices do, and what the steps came to that it has closed, each of them once."""
        seat, member, told = self._seats[k], self._members.all[k], newest.value
        self._hear(seat, member, told.reports, False)
        seat.heard_step, seat.valid_until_s = newest.at.step, self._sent_s[newest.at.step] + self._valid_s
        seat.states = self._places[k].checked(told.states, member.name)
        for closed in seat.close(told.closed):
            self._late[k] += np.array(closed.outcomes, dtype=np.float64).reshape(_TOLD, 1, -1)
            self.messages["receipt"] += 1

    def _heard_before(self) -> Reported:
        ends = np.cumsum([len(member.devices) for member in self._members.all])[:-1]
        for seat, own in zip(self._seats, np.split(np.array(self._known[0].reported), ends, axis=1), strict=True):
            seat.hear(own)
        return self._reported()

    def _reported(self) -> Reported:
        self._found_s = self.session.now_s
        self.missed = {m.name: seat.silent for seat, m in zip(self._seats, self._members.all, strict=True)}
        reported = np.concatenate([seat.reported for seat in self._seats], axis=1)[:, None]
        return Reported(**dict(zip(self._fields, reported, strict=True)))

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
        self._played_back, self.market.orders = None, []
        if self._known:
            self._played_back = before = self._known.popleft()
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
        spoken = [] if self.agreement is None else self.agreement.spoken
        return Exchange(reported.tolist(), self._outcomes[:, 0].tolist(), [seat.states for seat in self._seats], self.market.orders, spoken)

    def trade(self, short_mwh: Floats, over_mwh: Floats) -> Floats:
        """What comes of the agents' orders for what they are short of, or have too much, in the step that is closed `[1, n, 4]`.

        Who did not answer in the step does not trade.
        """
        if self._played_back is not None:
            return self.market.clear(self._step, self._played_back.orders or [None] * len(self._seats))
        here = [k for k, seat in enumerate(self._seats) if not (seat.silent or seat.backlog)]
        heard = self.market.deal(self._ask_now, self._step, short_mwh[0].tolist(), over_mwh[0].tolist(), here)
        ordered = sum(order is not None for order in self.market.orders)
        self.messages.update(metered=len(here), order=ordered, cleared=ordered)
        return heard

    def _agree(self) -> Heard:
        """Let agents agree, where they do; who was silent in the step before has no part in it."""
        if self.agreement is None:
            return [[] for _ in self._seats]
        here = {k for k, seat in enumerate(self._seats) if not seat.silent}
        heard = self.agreement.hold(self._ask_now, self._step, [own[0] for own in self._moves], here)
        self.messages["consensus"] += self.agreement.letters
        return heard

    def _ask_now(self, phase: str, asked: Mapping[str, object], reply: Any) -> dict[str, Any]:
        return self._ask(phase, asked, reply, self._deadline_s)

    def _weights(self, k: int) -> list[float]:
        return [] if self.agreement is None else self.agreement.weights(k)

    def _settled(self, piece: Piece, first: bool) -> Floats:
        real = piece.grids.work.real_mw[0]
        if self._mode == FREE_RUNNING and not first:
            self.messages["network"] += len(self._seats)
            for k, seat in enumerate(self._seats):
                seat.backlog.append(self._unclosed(piece, k))
            return np.concatenate(self._late, axis=2)
        here = [(k, m) for k, m in enumerate(self._members.all) if not self._seats[k].silent]
        asked: dict[str, object] = {m.name: Network(self._step, real[m.devices].tolist(), first) for _, m in here}
        receipts = self._ask("settle", asked, Receipt, self._deadline_s)
        self.messages.update(network=len(asked), receipt=len(receipts))
        for k, member in enumerate(self._members.all):
            receipt, seat = receipts.get(member.name), self._seats[k]
            if receipt is None:
                seat.backlog += [] if first else [self._unclosed(piece, k)]
                continue
            seat.backlog.clear()
            seat.states = self._places[k].checked(receipt.states, member.name)
            if not first:
                self._late[k][...] = np.array(receipt.outcomes, dtype=np.float64).reshape(_TOLD, 1, -1)
        return np.concatenate(self._late, axis=2)

    def _unclosed(self, piece: Piece, k: int) -> Unclosed:
        seat, real = self._seats[k], piece.grids.work.real_mw[0, self._members.all[k].devices].tolist()
        mvar = seat.reported[self._fields.index("order_mvar")].tolist() if "order_mvar" in self._fields else []
        return Unclosed(self._step, *self._sensed(piece, k), real, seat.reported[0].tolist(), seat.off_grid, self._found_s, mvar)

    def _begin(self, piece: Piece, k: int, standing: Standing | None = None) -> Begin:
        return Begin(self._sheets[self._members.all[k].name], *self._sensed(piece, k), standing)

    def _act(self, piece: Piece, k: int, heard: list[float | None]) -> Act:
        return Act(self._step, self._moves[k], *self._sensed(piece, k), self._seats[k].backlog, heard)

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
        for name in self._ask("resume", asked, list[Report], self._join_s):
            self.market.knows(lost[name])
            seat = self._seats[lost[name]]
            seat.heard_step, seat.valid_until_s = self._step - 1, self.session.now_s + self._valid_s

    def _standing(self, piece: Piece, k: int) -> Standing:
        standing = piece.grids.state.orders[0]
        own = self._members.all[k].own
        return Standing(standing[own.orders].tolist(), self._seats[k].states, self.market.accounts[k], mvar_by_device(own, standing))

    def close(self) -> None:
        """Leave the broker; agents of this process end."""
        self.session.close()

    def _ask(self, phase: str, payloads: Mapping[str, object], reply: Any, patience_s: float) -> dict[str, Any]:
        """Answers by role. In lockstep, and where an episode begins, all must answer.

        Raises `BrokerError` which names the silent ones, and `MessageError` with what every agent that refused says.
        """
        # An agent that begins may have to compile its devices first.
        sent_s = self.session.now_s
        answers = self.session.ask(self._episode, self._step, phase, payloads, reply, patience_s, wait=True)
        if not self._counts_cycles and phase not in ("begin", "resume"):
            self._extend(answers.replies, sent_s + self._valid_s)
        if phase != "begin" and self._mode != LOCKSTEP:
            self._lost |= answers.failed.keys()
            return answers.values
        if answers.failed:
            listed = "; ".join(f"{role}: {why}" for role, why in answers.failed.items())
            raise MessageError("refused", f"Some agents cannot answer {phase!r}: {listed}")
        if answers.missed:
            advice = _LONGER if phase in ("act", "settle") else _LONGER_TO_BEGIN
            asked = f"did not answer {phase!r} of step {self._step} within {patience_s:g} s"
            raise BrokerError(f"{', '.join(answers.missed)} {asked}. {advice}{self.session.requester.refusals}")
        return answers.values

    def _extend(self, answered: Iterable[str], valid_until_s: float) -> None:
        """Who has answered follows its orders until then, by its own clock."""
        for seat, member in zip(self._seats, self._members.all, strict=True):
            if member.name in answered:
                seat.valid_until_s = valid_until_s

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
    remote.new_episode()
    return Episodes(ground, world, first_memory(ground.model, world, first=partial(run_elsewhere, keeper=remote, first=True)))


def remote_rooms(remote: RemoteDevices) -> Rooms:
    """Agents act and deal with each other where they are."""

    def act(episodes: Episodes, moves: Floats, prices: Floats) -> Cycle:
        remote.order(moves, prices)
        return partial(run_elsewhere, keeper=remote)

    def trade(_: Floats, short_mwh: Floats, over_mwh: Floats) -> Floats:
        return remote.trade(short_mwh, over_mwh)

    return Rooms(act, trade)
