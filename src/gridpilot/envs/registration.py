"""Ids under which `gymnasium.make` and `gymnasium.make_vec` find the scenarios."""

from __future__ import annotations

import gymnasium

IDS = {"gridpilot/SixBus-v0": "six_bus", "gridpilot/IEEE14-v0": "ieee14"}
"""Id → scenario."""


def register_envs() -> None:
    """Register every id that Gymnasium does not know yet."""
    for name, scenario in IDS.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                id=name,
                entry_point="gridpilot.envs.single:GridEnv",
                vector_entry_point="gridpilot.envs.vector:GridVectorEnv",
                kwargs={"scenario": scenario},
            )
