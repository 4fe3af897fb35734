"""Parameters that a process gives its own devices, in the place of those that it is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from gridpilot.errors import ConfigError, Problem


class Changes:
    """`DEVICE.parameter` → value, for the agents of one process: each takes what its own devices have."""

    def __init__(self, given: Mapping[str, float] | None = None, roles: Collection[str] = ()) -> None:
        """`roles` are all agents of the process."""
        self._given = dict(given or {})
        self._taken: set[str] = set()
        self._waiting = set(roles)

    def take(self, device: str, parameter: str) -> float | None:
        """The value for a device's parameter, if there is one."""
        key = f"{device}.{parameter}"
        if key in self._given:
            self._taken.add(key)
        return self._given.get(key)

    def begun(self, role: str) -> None:
        """A role has its devices; raises `ConfigError` once all have, naming every change that none of them took."""
        self._waiting.discard(role)
        left = [key for key in self._given if key not in self._taken]
        if left and not self._waiting:
            problems = [Problem(key, "is no parameter of a device here; expected DEVICE.parameter") for key in left]
            raise ConfigError("Some parameters cannot be changed.", problems)
