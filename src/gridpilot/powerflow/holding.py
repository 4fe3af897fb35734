"""The engine as a part of other kernels: everything it works on behind one address.

holding = Holding(engine, inputs, queue, outputs)          # Python: once, for memory that stays where it is
parts = narrow(holding.address)                            # in a kernel, or `wide`, as `holding.width` says
solve_rows(parts.solver, parts.inputs, parts.queue, 0, count, False, parts.outputs)
"""

from __future__ import annotations

from typing import NamedTuple

from gridpilot.frame import Frame, frame_at
from gridpilot.jit import bare
from gridpilot.powerflow.batch import Queue, Solver
from gridpilot.powerflow.group import Group, Inputs, Outputs, Settings
from gridpilot.powerflow.islands import Ends
from gridpilot.powerflow.newton import NARROW, WIDE, Newton, Scratch
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances


class _Held(NamedTuple):
    """Addresses of frames."""

    pattern: int
    admittances: int
    ends: int
    settings: int
    group: int
    inputs: int
    queue: int
    outputs: int


class Parts(NamedTuple):
    """Frames for `solve_rows`."""

    solver: Solver
    inputs: Inputs
    queue: Queue
    outputs: Outputs


_held, _pattern, _admittances, _ends = frame_at(_Held), frame_at(Pattern), frame_at(Admittances), frame_at(Ends)
_settings, _narrow, _wide = frame_at(Settings), frame_at(Group, NARROW), frame_at(Group, WIDE)
_inputs, _queue, _outputs = frame_at(Inputs), frame_at(Queue), frame_at(Outputs)


@bare
def narrow(address: int) -> Parts:
    """The parts of a holding with narrow registers."""
    at = _held(address)
    solver = Solver(_pattern(at.pattern), _admittances(at.admittances), _ends(at.ends), _settings(at.settings), _narrow(at.group))
    return Parts(solver, _inputs(at.inputs), _queue(at.queue), _outputs(at.outputs))


@bare
def wide(address: int) -> Parts:
    """The parts of a holding with wide registers."""
    at = _held(address)
    solver = Solver(_pattern(at.pattern), _admittances(at.admittances), _ends(at.ends), _settings(at.settings), _wide(at.group))
    return Parts(solver, _inputs(at.inputs), _queue(at.queue), _outputs(at.outputs))


class Holding:
    """Memory of a solver that stays where it is, for one thread."""

    def __init__(self, engine: Newton, inputs: Inputs, queue: Queue, outputs: Outputs, scratch: Scratch | None = None) -> None:
        """`inputs` and `outputs` are row-major; `queue` has room for what is solved at once; `scratch` may be shared by
        holdings that are not used at the same time.
        """
        self.engine, self.inputs, self.outputs = engine, inputs, outputs
        self._scratch = engine.new_scratch(engine.width(len(queue.rows))) if scratch is None else scratch
        self.width = self._scratch.frame.value.width
        self._frames = Frame(inputs), Frame(queue), Frame(outputs)
        self._held = Frame(_Held(*self._scratch.addresses, *(frame.address for frame in self._frames)))
        self.address = self._held.address

    def rescue(self) -> None:
        """Solve the elements that the pivots were at fault for."""
        self.engine.rescue(self.inputs, self.outputs)
