"""Seats: what is observed comes in its own units, and setpoints arrive at the devices."""

from __future__ import annotations

import numpy as np
import pytest

from gridpilot.envs.microgrids import microgrids_env
from gridpilot.envs.microgrids.seats import make_seats
from gridpilot.errors import ActionError, ConfigError


def test_measurements_are_the_state_of_the_grid() -> None:
    env = microgrids_env()
    observations, _ = env.reset(seed=2)
    seats = make_seats(env.config, env.members)
    state = env.grid_state
    assert state is not None
    for name in env.agents:
        measured = seats[name].measured(observations[name])
        assert list(measured) == list(env.observation_names(name))
        assert measured[f"storage.{name}-ESS.energy_mwh"] in state.devices["storage"].energy_mwh[0].astype(np.float32)
        voltages = [value for key, value in measured.items() if key.startswith("bus.") and key.endswith(".v_pu")]
        assert all(np.abs(state.flow.v_pu - value).min() < 1e-6 for value in voltages)


def test_setpoints_are_what_devices_are_ordered() -> None:
    env = microgrids_env()
    env.reset(seed=2)
    seats = make_seats(env.config, env.members)
    wanted = {name: {device: low + 0.3 * (high - low) for device, (low, high) in seats[name].ranges_mw.items()} for name in env.agents}
    infos = env.step({name: seats[name].action(wanted[name]) for name in env.agents})[4]
    for name, info in infos.items():
        assert info["ordered_mw"] == pytest.approx(list(wanted[name].values()), abs=1e-6)


def test_standing_leaves_the_orders_as_they_are() -> None:
    env = microgrids_env()
    observations, _ = env.reset(seed=2)
    seats = make_seats(env.config, env.members)
    infos = env.step({name: seats[name].standing(observations[name]) for name in env.agents})[4]
    for name, info in infos.items():
        measured = seats[name].measured(observations[name])
        orders = {key.split(".")[1]: value for key, value in measured.items() if key.endswith(".order_mw")}
        assert info["ordered_mw"] == pytest.approx([orders[device] for device in seats[name].ranges_mw], abs=1e-6)
        assert info["ordered_mw"].sum() > 0.1


def test_setpoints_of_other_devices_are_refused() -> None:
    env = microgrids_env()
    seat = make_seats(env.config, env.members)["MG1"]
    with pytest.raises(ActionError, match="MG1-DG"):
        seat.action({"MG2-DG": 0.1})


def test_a_seat_does_not_say_prices() -> None:
    env = microgrids_env(vertical="price-signal")
    with pytest.raises(ConfigError, match="price-signal"):
        make_seats(env.config, env.members)
