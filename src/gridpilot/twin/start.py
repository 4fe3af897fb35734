"""The first state of an episode: every device at its initial order, every branch as built."""

from __future__ import annotations

from functools import partial

from gridpilot.twin.crew import ALONE, Crew
from gridpilot.twin.cycle import Cycle, open_cycle, solve_grid
from gridpilot.twin.memory import Memory, Piece
from gridpilot.twin.model import Model
from gridpilot.twin.world import World
from gridpilot.values import GridState


def first_state(model: Model, world: World) -> GridState:
    """The grid at the first row of every element of a world `[B]`, solved from a cold start."""
    return first_memory(model, world).blocks.state()


def first_cycle(model: Model, world: World, piece: Piece) -> None:
    """The first power flow of a piece, with the weather of its row and every device at its initial order."""
    open_cycle(piece.held, piece.fleet, world.held(piece.first, piece.end))
    solve_grid(model.engine, piece, first=True)
    take_real_power(model, piece)


def first_memory(model: Model, world: World, *, first: Cycle = first_cycle, crew: Crew = ALONE) -> Memory:
    """`first_state` in a memory, to be stepped on by a crew."""
    memory = Memory(model, len(world.first_row), crew)
    set_out(model, memory)
    begin_at(model, world, memory, first)
    return memory


def set_out(model: Model, memory: Memory) -> None:
    """Everything in a new memory as built, one step before the first."""
    view = memory.blocks.view
    view("step").fill(-1)
    view("closed")[...] = model.scenario.network.branch_closed
    view("load_factor").fill(1.0)
    for kind in model.kinds:
        parameters = model.parameters(kind.name)
        view("orders")[:, model.orders[kind.name]] = kind.initial_setpoint(parameters)
        for name, values in zip(memory.blocks.sections.of_devices[kind.name], kind.initial_state(parameters, memory.batch), strict=True):
            view(name)[...] = values


def begin_at(model: Model, world: World, memory: Memory, first: Cycle = first_cycle) -> None:
    """Take what has just set out to the first row of every element of a world."""
    memory.blocks.view("row")[...] = world.first_row - 1
    memory.each(partial(first, model, world))


def take_real_power(model: Model, piece: Piece) -> None:
    """A state says from the first moment on what its devices really exchange."""
    for kind, state in zip(model.kinds, piece.states, strict=True):
        if "p_mw" in state._fields:
            state.p_mw[...] = piece.grids.work.real_mw[:, model.slices[kind.name]]
