"""`Memory`: the grids of a batch in one place, where kernels step them without a single new array.

All numbers of a kind (floating point, Boolean, whole, status) stand in one block, quantity after quantity, each
`[B, …]`. So a state is copied in four pieces, and `GridState` is a set of views of such a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache, partial
from math import ceil
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gridpilot.devices import Outcome
from gridpilot.devices.fleet import Fleet, Told, new_told
from gridpilot.jit import Resident, resident
from gridpilot.powerflow.batch import Queue, new_queue
from gridpilot.powerflow.group import Inputs, Outputs
from gridpilot.powerflow.holding import WIDE, Holding
from gridpilot.powerflow.newton import Newton
from gridpilot.rewards import reward_terms
from gridpilot.twin.areas import AREA_PARTS
from gridpilot.twin.crew import ALONE, Crew
from gridpilot.twin.grids import Books, Grids, State, Static, Work
from gridpilot.twin.model import Model
from gridpilot.values import CONSTRAINTS, Flow, GridState, Ints, Outcomes, Protection, Setpoints, Status

T = TypeVar("T")

PIECE = 256
"""Elements that a kernel takes at once: as many as stay in the processor's own memory from one kernel to the next."""
LEAST_PER_THREAD = 64
"""Elements below which a thread costs more than it takes off another."""
_DTYPES: tuple[type[np.generic], ...] = (np.float64, np.bool_, np.int64, np.int8)
_FLOATS, _FLAGS, _COUNTS, _CODES = range(4)


class _Section(NamedTuple):
    """Where a quantity stands: its block, numbers per element before it, and its width (None: one number, `[B]`)."""

    block: int
    before: int
    width: int | None


class Sections:
    """Where the quantities of a model's grids stand in the blocks."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.sizes = [0, 0, 0, 0]
        self.at: dict[str, _Section] = {}
        self._add_state()
        self._add_books()
        self.of_devices = {kind.name: tuple([f"{kind.name}.{field}" for field in kind.state._fields]) for kind in model.kinds}
        for kind in model.kinds:
            first = kind.initial_state(model.parameters(kind.name), 1)
            for name, values in zip(self.of_devices[kind.name], first, strict=True):
                self._add(name, _FLAGS if values.dtype == np.bool_ else _FLOATS, values.shape[1])

    def _add(self, name: str, block: int, width: int | None) -> None:
        self.at[name] = _Section(block, self.sizes[block], width)
        self.sizes[block] += 1 if width is None else width

    def _add_state(self) -> None:
        layout, tables = self.model.layout, self.model.scenario.tables
        n, m = len(layout.base_kind), len(layout.branch_from)
        loads = len(tables["load"]) if "load" in tables else 0
        for name in ("v_re", "v_im", "v", "p_bus", "q_bus"):
            self._add(name, _FLOATS, n)
        for name in ("p_from", "q_from", "p_to", "q_to", "loading", "overload_h", "lockout_h"):
            self._add(name, _FLOATS, m)
        for name in ("losses", "residual"):
            self._add(name, _FLOATS, None)
        self._add("orders", _FLOATS, self.model.n_orders)
        self._add("load_factor", _FLOATS, loads)
        self._add("exogenous", _FLOATS, len(layout.column_bus))
        for name in ("energised", "bus_active"):
            self._add(name, _FLAGS, n)
        self._add("rescued", _FLAGS, None)
        for name in ("closed", "faulted", "tripped", "branch_active"):
            self._add(name, _FLAGS, m)
        self._add("outage", _FLAGS, len(tables["generator"]))
        self._add("collapsed", _FLAGS, None)
        for name in ("step", "row", "iterations"):
            self._add(name, _COUNTS, None)
        self._add("status", _CODES, None)

    def _add_books(self) -> None:
        n, m = len(self.model.layout.base_kind), len(self.model.layout.branch_from)
        for name, width in (("terms", len(reward_terms())), ("costs", len(CONSTRAINTS)), ("sums", len(fields(Outcomes)))):
            self._add(name, _FLOATS, width)
        for name in ("reward", "shed_mw", "spilled_mw"):
            self._add(name, _FLOATS, None)
        for name in ("islanded", "fallen"):
            self._add(name, _FLAGS, None)
        self._add("opened", _FLAGS, m)
        self._add("built", _FLAGS, n)
        self._add("areas", _FLOATS, len(AREA_PARTS) * len(self.model.scenario.areas))


class Blocks:
    """The numbers of a batch, and views of them by name."""

    def __init__(self, sections: Sections, batch: int, arrays: list[NDArray[Any]]) -> None:
        self.sections = sections
        self.batch = batch
        self.arrays = arrays

    def view(self, name: str) -> NDArray[Any]:
        """A quantity `[B, …]`."""
        block, before, width = self.sections.at[name]
        first = before * self.batch
        if width is None:
            return self.arrays[block][first : first + self.batch]
        return self.arrays[block][first : first + width * self.batch].reshape(self.batch, width)

    def copy(self) -> Blocks:
        """The same numbers elsewhere."""
        return Blocks(self.sections, self.batch, [array.copy() for array in self.arrays])

    def take(self, numbers: Blocks) -> None:
        """Take over the numbers of as many grids of the same model."""
        for array, values in zip(self.arrays, numbers.arrays, strict=True):
            array[...] = values

    def state(self) -> GridState:
        """The grids as a value, which shares these numbers."""
        model, view = self.sections.model, self.view
        orders = view("orders")
        return GridState(
            step=view("step"),
            row=view("row"),
            devices={kind.name: kind.state._make(map(view, self.sections.of_devices[kind.name])) for kind in model.kinds},
            setpoints=Setpoints({kind: np.ascontiguousarray(orders[:, columns]) for kind, columns in model.orders.items()}, view("closed")),
            faulted=view("faulted"),
            protection=Protection(view("overload_h"), view("lockout_h"), view("tripped")),
            load_factor=view("load_factor"),
            outage=view("outage"),
            exogenous=view("exogenous"),
            bus_active=view("bus_active"),
            branch_active=view("branch_active"),
            flow=Flow(*map(view, Outputs._fields)),
            collapsed=view("collapsed"),
        )


class PieceSolver:
    """The compiled engine on the memory of a piece."""

    def __init__(self, engine: Newton, inputs: Inputs, queue: Queue, outputs: Outputs) -> None:
        self._engine, self._inputs, self._outputs = engine, inputs, outputs
        self._holding = Holding(engine.new_scratch(engine.width(len(queue.rows))), inputs, queue, outputs)
        self.address = self._holding.address

    def rescue(self) -> None:
        """Solve the elements that the pivots were at fault for."""
        self._engine.rescue(self._inputs, self._outputs)


@dataclass(frozen=True, eq=False)
class Piece:
    """Elements `first` … `end` − 1 of a memory, as kernels take them."""

    first: int
    end: int
    share: int
    """The share that it is in; shares may be stepped at once."""
    grids: Grids
    states: tuple[Any, ...]
    """States of the devices, kind by kind."""
    held: Resident[Grids]
    fleet: Resident[Fleet]
    watching: tuple[tuple[Told, Ints], ...]
    """What kinds that watch branches are told, and the branches of their devices."""
    solver: PieceSolver | None
    """The compiled engine on this piece; None for engines of another making."""


def cut(batch: int, threads: int) -> list[list[range]]:
    """The elements of every piece, share by share: as many shares as threads have enough to do, of nearly the same size."""
    shares = max(1, min(threads, batch // LEAST_PER_THREAD))
    return [[_within(part, share) for part in _parted(len(share), ceil(len(share) / PIECE))] for share in _parted(batch, shares)]


def _parted(count: int, parts: int) -> list[range]:
    """`count` elements in so many parts; all but the last fill registers."""
    size = ceil(count / parts / WIDE) * WIDE
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def _within(part: range, share: range) -> range:
    return range(share.start + part.start, share.start + part.stop)


class Memory:
    """The grids of a batch, stepped in place. Whoever holds one is alone with it.

    Its pieces are dealt out to the threads of a crew in shares, which have nothing in common that is written. What
    becomes of an element does not depend on how many there are.
    """

    def __init__(self, model: Model, batch: int, crew: Crew = ALONE) -> None:
        self.model = model
        self.batch = batch
        self.crew = crew
        sections = sections_of(model)
        arrays = [np.zeros(size * batch, dtype=dtype) for size, dtype in zip(sections.sizes, _DTYPES, strict=True)]
        self.blocks = Blocks(sections, batch, arrays)
        # Nothing is solved yet: the first power flow begins cold.
        self.blocks.view("status").fill(Status.DIVERGED)
        # Engines of another making are not asked by several threads.
        threads = crew.threads if type(model.engine) is Newton else 1
        self.shares = [self._share(k, parts) for k, parts in enumerate(cut(batch, threads))]
        self.pieces = [piece for share in self.shares for piece in share]

    def each(self, do: Callable[[Piece], T]) -> list[T]:
        """What `do` returns for every piece, in their order; pieces of different shares at once."""
        if len(self.shares) == 1:
            return [do(piece) for piece in self.pieces]
        found = self.crew.run([partial(_all_of, do, share) for share in self.shares])
        return [result for share in found for result in share]

    def _share(self, share: int, parts: list[range]) -> list[Piece]:
        """The pieces of a thread; those of one size use the same scratch, one after the other."""
        works = {size: _new_work(self.model, size) for size in {len(part) for part in parts}}
        return [self._piece(part.start, part.stop, share, works[len(part)]) for part in parts]

    def _piece(self, first: int, end: int, share: int, work: Work) -> Piece:
        def rows(name: str) -> NDArray[Any]:
            return self.blocks.view(name)[first:end]

        model = self.model
        flow = Outputs(*map(rows, Outputs._fields))
        state = State(**{name: rows(name) for name in State._fields if name != "flow"}, flow=flow)
        books = Books(*map(rows, Books._fields))
        size = end - first
        grids = Grids(Static(model.layout, model.rules, model.weights), state, work, books)
        states = tuple([kind.state._make(map(rows, self.blocks.sections.of_devices[kind.name])) for kind in model.kinds])
        fleet: Fleet = tuple(
            [
                (
                    model.parameters(kind.name),
                    state,
                    new_told(kind, size, len(model.scenario.tables[kind.name]), model.order_count(kind.name)),
                )
                for kind, state in zip(model.kinds, states, strict=True)
            ]
        )
        tables = model.scenario.tables
        watching = tuple(
            (told, tables[kind.name].branch) for kind, (_, _, told) in zip(model.kinds, fleet, strict=True) if kind.watches == "branch"
        )
        return Piece(first, end, share, grids, states, resident(grids), resident(fleet), watching, self._solver(work, flow))

    def _solver(self, work: Work, flow: Outputs) -> PieceSolver | None:
        engine = self.model.engine
        if type(engine) is not Newton:
            return None
        nothing = np.zeros((0, 0))
        inputs = Inputs(
            work.p_bus_mw, work.q_bus_mvar, work.kind, work.v_set_pu, work.in_use, nothing, nothing, nothing,
            flow.v_re, flow.v_im, flow.status, tap=work.tap, bank_mvar=work.bank_mvar,
        )  # fmt: skip
        return PieceSolver(engine, inputs, new_queue(work.rows), flow)

    @cached_property
    def _views(self) -> dict[str, NDArray[Any]]:
        return {name: self.blocks.view(name) for name in self.blocks.sections.at}

    def load(self, state: GridState, setpoints: Setpoints) -> None:
        """Go on from a state under these orders; both stay as they are."""
        views, model = self._views, self.model
        for name in _OF_STATE:
            views[name][...] = getattr(state, name)
        for name in _OF_PROTECTION:
            views[name][...] = getattr(state.protection, name)
        for name, field in _OF_FLOW:
            views[name][...] = getattr(state.flow, field)
        for kind, names in self.blocks.sections.of_devices.items():
            for name, values in zip(names, state.devices[kind], strict=True):
                views[name][...] = values
        for kind, columns in model.orders.items():
            views["orders"][:, columns] = setpoints.devices[kind]
        views["closed"][...] = setpoints.closed

    def replace(self, elements: Ints, fresh: Memory) -> None:
        """Put the first grids of another memory in the place of some elements."""
        others = fresh._views
        for name, values in self._views.items():
            values[elements] = others[name][: len(elements)]


def _all_of(do: Callable[[Piece], T], pieces: list[Piece]) -> list[T]:
    return [do(piece) for piece in pieces]


_OF_STATE = ("step", "row", "faulted", "load_factor", "outage", "exogenous", "bus_active", "branch_active", "collapsed")
_OF_PROTECTION = ("overload_h", "lockout_h", "tripped")
_OF_FLOW = tuple(zip(Outputs._fields, [field.name for field in fields(Flow)], strict=True))


@lru_cache(maxsize=32)
def sections_of(model: Model) -> Sections:
    """Where the quantities of a model's grids stand."""
    return Sections(model)


def _new_work(model: Model, batch: int) -> Work:
    layout = model.layout
    nothing = np.zeros((0, 0))
    by_bus, by_branch, by_device = (batch, len(layout.base_kind)), (batch, len(layout.branch_from)), (batch, model.n_devices)
    return Work(
        bus_was_active=np.zeros(by_bus, dtype=np.bool_),
        was_energised=np.zeros(by_bus, dtype=np.bool_),
        was_collapsed=np.zeros(batch, dtype=np.bool_),
        in_service=np.zeros(by_device, dtype=np.bool_),
        p_mw=np.zeros(by_device),
        q_mvar=np.zeros(by_device),
        given_mw=np.zeros(by_device),
        real_mw=np.zeros(by_device),
        p_bus_mw=np.zeros(by_bus),
        q_bus_mvar=np.zeros(by_bus),
        adjusted=np.zeros(by_device) if len(layout.tap_device) or len(layout.bank_device) else nothing,
        tap=np.tile(layout.tap, (batch, 1)) if len(layout.tap_device) else nothing,
        bank_mvar=np.zeros(by_bus) if len(layout.bank_device) else nothing,
        kind=np.zeros(by_bus, dtype=np.int8),
        v_set_pu=np.tile(layout.v_set_pu, (batch, 1)),
        in_use=np.zeros(by_branch, dtype=np.bool_),
        relief_mw=np.zeros(batch),
        cost_usd=np.zeros(by_device),
        unsafe=np.zeros(by_device),
        totals=np.zeros((len(Outcome._fields), batch)),
        safety=np.zeros(batch),
        phase=np.zeros(batch, dtype=np.int64),
        corrections=np.zeros(batch, dtype=np.int64),
        rounds=np.zeros(batch, dtype=np.int64),
        died=np.zeros(batch, dtype=np.int8),
        rows=np.zeros(batch, dtype=np.int64),
        later=np.zeros(batch, dtype=np.int64),
        altered=np.zeros(batch, dtype=np.bool_),
    )
