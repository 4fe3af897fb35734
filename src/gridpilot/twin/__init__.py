"""The digital twin: `step`, `preview`, `outlook` and `observe` on values."""

from gridpilot.twin.model import Model, compile_model
from gridpilot.twin.twin import Twin, make_twin
from gridpilot.twin.world import World, drive, make_world

__all__ = ["Model", "Twin", "World", "compile_model", "drive", "make_twin", "make_world"]
