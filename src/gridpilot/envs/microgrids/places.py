"""Where the devices of a microgrid stand in the memory of a grid."""

from __future__ import annotations

import numpy as np

from gridpilot.envs.microgrids.hearing import States
from gridpilot.envs.microgrids.members import Member
from gridpilot.errors import MessageError
from gridpilot.twin.memory import Piece
from gridpilot.twin.model import Model
from gridpilot.values import Ints


class Places:
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
