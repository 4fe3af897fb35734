"""A step from synchronous code: what an environment's `step` does."""

from __future__ import annotations

import threading

import pytest

from gridpilot.errors import BrokerError, ConfigError, MissingExtraError
from gridpilot.messages import Codec, Faults, Keyring, Wire
from gridpilot.messages.steps import Question, StepSession, StepSettings

ROLES = ("MG1", "MG2", "MG3")


def double(question: Question) -> float:
    return 2.0 * question.read(float)


def played(**options: object) -> list[tuple[dict[str, float], tuple[str, ...]]]:
    with StepSession("in_memory", "run", **options) as session:  # type: ignore[arg-type]
        for role in ROLES:
            session.host(role, {role: double})
        session.wait_for(ROLES, timeout_s=300.0)
        steps = [session.ask(0, step, "act", dict.fromkeys(ROLES, float(step)), float) for step in range(50)]
        return [(answers.values, answers.missed) for answers in steps]


@pytest.mark.parametrize("wire", [Wire(), Wire(Codec("json")), Wire(keyring=Keyring({"a": b"k" * 16}))])
def test_an_episode_in_memory(wire: Wire) -> None:
    assert played(wire=wire) == [(dict.fromkeys(ROLES, 2.0 * step), ()) for step in range(50)]


def test_faults_repeat_and_cost_no_time() -> None:
    faults, settings = Faults(seed=4, loss=0.3, jitter_s=10.0), StepSettings("deadline", deadline_s=30.0, resend_s=5.0)
    once = played(faults=faults, settings=settings)
    assert once == played(faults=faults, settings=settings)
    assert any(missed for _, missed in once)


def test_nothing_is_left_running() -> None:
    before = set(threading.enumerate())
    played()
    session = StepSession("in_memory", "run")
    session.host("MG1", {"MG1": double})
    session.close()
    session.close()
    assert set(threading.enumerate()) == before
    with pytest.raises(BrokerError, match="open a new session"):
        session.ask(0, 0, "act", {})


@pytest.mark.parametrize(("url", "run"), [("in_memory", "a.b"), ("nats://127.0.0.1:1", "run"), ("nats://far.example", "run")])
def test_a_session_that_cannot_begin_leaves_nothing_either(url: str, run: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises((ConfigError, BrokerError, MissingExtraError)):
        StepSession(url, run)
    assert set(threading.enumerate()) == before


def test_a_bug_in_a_role_comes_out_at_the_end() -> None:
    def broken(_: Question) -> None:
        raise ZeroDivisionError

    before = set(threading.enumerate())
    session = StepSession("in_memory", "run", settings=StepSettings("deadline"))
    session.host("MG1", {"MG1": broken})
    session.wait_for(["MG1"])
    assert session.ask(0, 0, "act", {"MG1": b""}).missed == ("MG1",)
    with pytest.raises(ZeroDivisionError):
        session.close()
    assert set(threading.enumerate()) == before
