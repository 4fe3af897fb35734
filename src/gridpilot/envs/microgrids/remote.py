"""Grid agents behind a message broker: they own their devices, the environment hears what the devices do.

Every step is two rounds of the step protocol (`gridpilot.agents.grid.dialogue`). Nothing here knows a device's parameters or
state but from what its agent says, so that what an agent's process changes is what the grid sees.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np

from gridpilot.agents.grid import Act, Begin, GridAgent, KindSheet, Network, Receipt, Report, Sheet
from gridpilot.devices import Outcome
from gridpilot.envs.episodes import Cycle, Episodes
from gridpilot.envs.ground import Ground
from gridpilot.envs.microgrids.config import IN_MEMORY, MicrogridsConfig
from gridpilot.envs.microgrids.course import Act as ActThrough
from gridpilot.envs.microgrids.members import Member, Members
from gridpilot.envs.nursery import new_world
from gridpilot.errors import MessageError
from gridpilot.messages.signing import Keyring
from gridpilot.messages.steps import StepSession, StepSettings
from gridpilot.messages.wire import Wire
from gridpilot.twin.elsewhere import Reported, run_elsewhere
from gridpilot.twin.memory import Memory, Piece
from gridpilot.twin.model import Model
from gridpilot.twin.start import set_out
from gridpilot.values import Floats, Ints

_HERE = "here"
"""Name of the host in this process."""
_OUTCOMES = len(Outcome._fields)


class RemoteDevices:
    """The members' devices in one element, kept by their agents: a `gridpilot.twin.elsewhere.Keeper`."""

    def __init__(self, config: MicrogridsConfig, members: Members, model: Model) -> None:
        """Connects to the broker and waits for all agents; raises what `StepSession` raises, and `BrokerError` where one is missing."""
        self._members, self._model = members, model
        self._places = [_Places(member, model) for member in members.all]
        self._sheets = {member.name: _sheet(member, members, model, config) for member in members.all}
        self._episode, self._deadline_s, self._join_s = 0, config.deadline_s, config.join_s
        self.messages: Counter[str] = Counter()
        """Logical messages by kind, before any share an envelope; `receipt` is the step protocol's own, which closes a step."""
        settings = StepSettings(deadline_s=config.deadline_s)
        # Messages that leave the process are signed where there are keys.
        wire = Wire(keyring=None if config.message_broker == IN_MEMORY else Keyring.from_environment())
        self.session = StepSession(config.message_broker, config.run, wire=wire, settings=settings, epoch=config.epoch)
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

    def new_episode(self) -> None:
        """What comes next is the first state of another episode."""
        self._episode += 1

    def order(self, moves: Floats) -> None:
        """The actions of all members for the next step `[1, E]`."""
        ends = np.cumsum(self._members.entries)[:-1]
        self._moves = [own[0].tolist() for own in np.split(moves, ends, axis=1)]

    def inject(self, piece: Piece, first: bool) -> Reported:
        """Round one: actions out, reports in."""
        payloads: dict[str, object] = {}
        for k, (member, places) in enumerate(zip(self._members.all, self._places, strict=True)):
            present = piece.grids.work.in_service[0, member.devices].tolist()
            weather = piece.grids.state.exogenous[0, places.weather].tolist()
            said = Begin(self._sheets[member.name], present, weather) if first else Act(self._moves[k], present, weather)
            payloads[member.name] = said
        reports = self._ask(piece, "begin" if first else "act", payloads, list[Report])
        self.messages.update(action=len(payloads), report=len(self.devices))
        if not first and any(self._members.entries):
            self.messages["setpoint"] += len(self.devices)
        rows = [self._checked(member, reports[member.name]) for member in self._members.all]
        return Reported(*(np.array([[number for row in rows for number in row[column]]]) for column in range(len(Reported._fields))))

    def settle(self, piece: Piece, first: bool) -> Floats:
        """Round two: what devices exchanged out, what it cost and what has become of them in."""
        real = piece.grids.work.real_mw[0]
        payloads: dict[str, object] = {m.name: Network(real[m.devices].tolist(), first) for m in self._members.all}
        receipts = self._ask(piece, "settle", payloads, Receipt)
        self.messages.update(network=len(payloads), receipt=len(payloads))
        for places, member in zip(self._places, self._members.all, strict=True):
            places.write_states(piece, receipts[member.name].states)
        if first:
            return np.zeros((_OUTCOMES, 1, len(self.devices)))
        tables = [receipts[member.name].outcomes for member in self._members.all]
        return np.concatenate([np.array(table, dtype=np.float64).reshape(_OUTCOMES, 1, -1) for table in tables], axis=2)

    def close(self) -> None:
        """Leave the broker; agents of this process end."""
        self.session.close()

    def _ask(self, piece: Piece, phase: str, payloads: dict[str, object], reply: Any) -> dict[str, Any]:
        """Answers by role; raises `MessageError` with what every agent that refused says."""
        # An agent that begins may have to compile its devices first.
        patience_s = max(self._join_s, self._deadline_s) if phase == "begin" else self._deadline_s
        answers = self.session.ask(self._episode, int(piece.grids.state.step[0]), phase, payloads, reply, patience_s)
        if answers.failed:
            listed = "; ".join(f"{role}: {why}" for role, why in answers.failed.items())
            raise MessageError("refused", f"Some agents cannot answer {phase!r}: {listed}")
        return answers.values

    def _checked(self, member: Member, reports: list[Report]) -> tuple[list[float], list[float], list[float]]:
        """Orders, MW and Mvar of a member's devices; raises `MessageError` for reports of other devices."""
        names = tuple(report.device for report in reports)
        if names != member.device_names:
            raise MessageError("payload", f"{member.name} reports of {', '.join(names)}; expected {', '.join(member.device_names)}.")
        return [r.order_mw for r in reports], [r.p_mw for r in reports], [r.q_mvar for r in reports]


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
        self.weather: Ints = np.concatenate([*weather, np.zeros(0, dtype=np.int64)]).astype(np.int64)

    def write_states(self, piece: Piece, states: list[list[list[float]]]) -> None:
        """Raises `MessageError` for states that are not of these devices."""
        for (k, own), tables in zip(self.kinds, states, strict=True):
            for values, table in zip(piece.states[k], tables, strict=True):
                values[0, own] = table


def _sheet(member: Member, members: Members, model: Model, config: MicrogridsConfig) -> Sheet:
    kinds = []
    for k, own in _Places(member, model).kinds:
        kind, offset = model.kinds[k], model.slices[model.kinds[k].name].start
        names = [member.device_names[int(np.flatnonzero(member.devices == offset + one)[0])] for one in own]
        parameters = {field: np.asarray(values)[own].tolist() for field, values in model.parameters(kind.name)._asdict().items()}
        kinds.append(KindSheet(kind.name, names, parameters, dict(members.wishes[kind.name])))
    return Sheet(
        role=member.name,
        dt_h=model.dt_h,
        kinds=kinds,
        vertical=config.vertical,
        options=dict(config.vertical_options),
        low_mw=member.low_mw.tolist(),
        high_mw=member.high_mw.tolist(),
    )
