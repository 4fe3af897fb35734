"""A healthy patient, and ways to make it ill."""

from __future__ import annotations

import pytest

from gridpilot.testing import Patient
from gridpilot.twin import Twin, make_twin


@pytest.fixture(scope="session")
def healthy() -> Twin:
    """A day of six buses in quarters of an hour, on two dates."""
    return make_twin("six-bus", seeds=(0, 1), cycle_minutes=15.0)


@pytest.fixture(scope="session")
def patient(healthy: Twin) -> Patient:
    return Patient(healthy)
