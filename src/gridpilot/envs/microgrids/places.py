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
        self._columns: list[tuple[int, Ints | slice]] = []
        weather: list[Ints] = []
        for k, kind in enumerate(model.kinds):
            devices, columns = model.slices[kind.name], model.columns[kind.name]
            own = member.devices[(member.devices >= devices.start) & (member.devices < devices.stop)] - devices.start
            if len(own):
                self.kinds.append((k, own))
                self._columns.append((k, _span(own)))
                n = devices.stop - devices.start
                weather += [columns.start + series * n + own for series in range(len(kind.series))]
        self._expected = [[len(own)] * len(model.kinds[k].state._fields) for k, own in self.kinds]
        self.weather: Ints = np.concatenate([*weather, np.zeros(0, dtype=np.int64)]).astype(np.int64)

    def read_states(self, piece: Piece) -> States:
        """The states that a piece holds."""
        return [[np.asarray(values[0, own], dtype=np.float64).tolist() for values in piece.states[k]] for k, own in self._columns]

    def write_states(self, piece: Piece, states: States) -> None:
        """Let a piece hold these."""
        for (k, own), tables in zip(self._columns, states, strict=True):
            for values, table in zip(piece.states[k], tables, strict=True):
                values[0, own] = table

    def checked(self, states: States, name: str) -> States:
        """The states themselves; raises `MessageError` for those of other devices."""
        found = [[len(table) for table in tables] for tables in states]
        if found != self._expected:
            raise MessageError("payload", f"{name} told states of {found} numbers; expected {self._expected}, field by field of each kind.")
        return states


def _span(places: Ints) -> Ints | slice:
    """Places as a slice, which is read and written faster, where they stand side by side."""
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if (np.diff(places) == 1).all() else places
