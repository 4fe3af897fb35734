"""Conformance tests that ship with the package: the doctor for scenarios, and checks for those who write plug-ins."""

from gridpilot.testing.agents import check_agent
from gridpilot.testing.brokers import check_broker
from gridpilot.testing.coordination import check_horizontal, check_vertical
from gridpilot.testing.devices import check_device
from gridpilot.testing.doctor import DoctorReport, examine, run_doctor
from gridpilot.testing.envs import check_env
from gridpilot.testing.finding import Check, Examined, Finding
from gridpilot.testing.patient import Patient
from gridpilot.testing.powerflow import check_powerflow
from gridpilot.testing.scenarios import check_scenario

__all__ = [
    "Check", "DoctorReport", "Examined", "Finding", "Patient", "check_agent", "check_broker", "check_device", "check_env",
    "check_horizontal", "check_powerflow", "check_scenario", "check_vertical", "examine", "run_doctor",
]  # fmt: skip
