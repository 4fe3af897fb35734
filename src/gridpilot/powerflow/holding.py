"""The compiled solver behind one address: everything that it works on, and its own machine code.

The solver is compiled once for each width of registers, as a function of numbers alone. Other kernels call it by address,
so that none of them has a copy of it to compile:

    holding = Holding(frames, group, inputs, queue, outputs)   # Python: once, for memory that stays where it is
    solve_held(holding.address, first, count, standing)        # in a kernel: see `gridpilot.powerflow.batch.solve_rows`
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from gridpilot.frame import Frame, address_of, frame_at, frame_of
from gridpilot.jit import bare, kernel, machine_code
from gridpilot.powerflow.batch import Queue, Solver, solve_rows
from gridpilot.powerflow.group import Group, Inputs, Outputs, Settings
from gridpilot.powerflow.islands import Ends
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances

NARROW, WIDE = 4, 8
"""Lanes of a register: 256 bits, which every x86-64 of the last decade has, and two of them or one of 512."""


class Held(NamedTuple):
    """Addresses of the solver's machine code and of all frames."""

    code: int
    pattern: int
    admittances: int
    ends: int
    settings: int
    group: int
    inputs: int
    queue: int
    outputs: int


_held, _pattern, _admittances, _ends = frame_at(Held), frame_at(Pattern), frame_at(Admittances), frame_at(Ends)
_settings, _narrow, _wide = frame_at(Settings), frame_at(Group, NARROW), frame_at(Group, WIDE)
_inputs, _queue, _outputs = frame_at(Inputs), frame_at(Queue), frame_at(Outputs)
_held_of, _inputs_of, _queue_of, _outputs_of = frame_of(Held), frame_of(Inputs), frame_of(Queue), frame_of(Outputs)


@kernel
def _solve_narrow(address: int, first: int, count: int, standing: int) -> int:
    at = _held(address)
    solver = Solver(_pattern(at.pattern), _admittances(at.admittances), _ends(at.ends), _settings(at.settings), _narrow(at.group))
    return solve_rows(solver, _inputs(at.inputs), _queue(at.queue), first, count, standing != 0, _outputs(at.outputs))


@kernel
def _solve_wide(address: int, first: int, count: int, standing: int) -> int:
    at = _held(address)
    solver = Solver(_pattern(at.pattern), _admittances(at.admittances), _ends(at.ends), _settings(at.settings), _wide(at.group))
    return solve_rows(solver, _inputs(at.inputs), _queue(at.queue), first, count, standing != 0, _outputs(at.outputs))


@cache
def solver_code(width: int) -> int:
    """Address of the solver for registers of a width; compiled, or loaded from the cache, when it is first asked for."""
    return machine_code(_solve_wide if width == WIDE else _solve_narrow, (types.int64,) * 4)


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def _call(typing_context: Any, code: Any, address: Any, first: Any, count: Any, standing: Any) -> Any:
    """Call the function of four whole numbers at an address."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = ir.IntType(64)
        function = builder.inttoptr(args[0], ir.FunctionType(number, [number] * 4).as_pointer())
        return builder.call(function, args[1:])

    return types.int64(*[types.int64] * 5), generate


@bare
def solve_held(address: int, first: int, count: int, standing: bool) -> int:
    """`solve_rows` on what is behind the address of a `Holding`."""
    faults: int = _call(_held(address).code, address, first, count, 1 if standing else 0)
    return faults


@bare
def held_inputs(address: int) -> Inputs:
    """The inputs behind the address of a `Holding`."""
    inputs: Inputs = _inputs(_held(address).inputs)
    return inputs


@kernel
def solve_arrays(at: tuple[int, ...], inputs: Inputs, queue: Queue, outputs: Outputs) -> int:
    """`solve_rows` on arrays that are handed over for once, by the solver and on the frames `at`: the first six of `Held`."""
    held = Held(
        at[0], at[1], at[2], at[3], at[4], at[5],
        address_of(_inputs_of(inputs)), address_of(_queue_of(queue)), address_of(_outputs_of(outputs)),
    )  # fmt: skip
    return solve_held(address_of(_held_of(held)), 0, len(queue.rows), False)


class Scratch:
    """A group to solve on for one thread, and the addresses of all that does not change from call to call."""

    def __init__(self, frames: Sequence[Frame[Any]], group: Group) -> None:
        """`frames` of pattern, admittances, ends and settings."""
        self.group = Frame(group)
        self.width = group.width
        self.addresses = (solver_code(self.width), *(frame.address for frame in frames), self.group.address)


class Holding:
    """Memory of a solver that stays where it is, for one thread."""

    def __init__(self, scratch: Scratch, inputs: Inputs, queue: Queue, outputs: Outputs) -> None:
        """`inputs` and `outputs` are row-major; `queue` has room for what is solved at once."""
        self._scratch, self._frames = scratch, (Frame(inputs), Frame(queue), Frame(outputs))
        self._held = Frame(Held(*scratch.addresses, *(frame.address for frame in self._frames)))
        self.address = self._held.address
