"""Protocols by name, what all of them promise, and that the checks see one that breaks a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from gridpilot.agents.coordination.horizontal import Agreement, horizontal_names, make_horizontal
from gridpilot.agents.coordination.horizontal.none import NoHorizontal
from gridpilot.agents.coordination.offers import Offer, make_offer
from gridpilot.agents.coordination.vertical import between, coordinate, make_vertical, vertical_names
from gridpilot.agents.coordination.vertical.price_signal import PriceSignal
from gridpilot.agents.coordination.vertical.setpoint import Setpoint
from gridpilot.errors import ActionError, ConfigError, UnknownNameError
from gridpilot.testing import check_horizontal, check_vertical
from gridpilot.values import Floats

OPTIONS: dict[str, dict[str, object]] = {"consensus": {"agents": 5}}
OFFER = make_offer(np.array([[-2.0, 0.0]]), np.array([[6.0, 1.0]]), sell_above_usd_per_mwh=[20.0, 30.0], slope_usd_per_mw2h=[10.0, 0.0])
OWN = np.array([[1.0, 9.0]])


@pytest.mark.parametrize("name", vertical_names())
def test_every_vertical_protocol_keeps_its_promises(name: str) -> None:
    check_vertical(make_vertical(name))


@pytest.mark.parametrize("name", horizontal_names())
def test_every_horizontal_protocol_keeps_its_promises(name: str) -> None:
    check_horizontal(make_horizontal(name, **OPTIONS.get(name, {})))


def test_the_names_of_the_configuration() -> None:
    assert vertical_names() == ("none", "price-signal", "setpoint")
    assert horizontal_names() == ("consensus", "none", "trading")
    assert make_vertical("Price_Signal").name == "price-signal"
    with pytest.raises(UnknownNameError, match="none, price-signal, setpoint"):
        make_vertical("prices")
    with pytest.raises(ConfigError, match=r"colour: unknown option; expected some of: agents, graph(.|\n)*agents: is missing"):
        make_horizontal("consensus", colour="blue")


def test_setpoints_reach_both_ends_exactly() -> None:
    assert coordinate(Setpoint(), np.array([[-1.0, 1.0]]), OFFER, OWN).tolist() == [[-2.0, 1.0]]
    assert coordinate(Setpoint(), np.array([[0.0, -7.0]]), OFFER, OWN).tolist() == [[2.0, 0.0]]
    assert between(np.array([1.0]), 0.1, 0.3).tolist() == [0.3]


def test_one_price_moves_every_device_by_its_own_cost() -> None:
    prices = PriceSignal(0.0, 100.0)
    assert coordinate(prices, np.array([[0.0]]), OFFER, OWN).tolist() == [[3.0, 1.0]]
    assert coordinate(prices, np.array([[-0.5]]), OFFER, OWN).tolist() == [[0.5, 0.0]]
    with pytest.raises(ConfigError, match="from 5 to 5"):
        PriceSignal(5.0, 5.0)


def test_without_a_protocol_devices_do_as_they_like_inside_their_limits() -> None:
    assert coordinate(make_vertical("none"), np.zeros((1, 0)), OFFER, OWN).tolist() == [[1.0, 1.0]]


def test_a_wrong_action_says_what_is_expected() -> None:
    with pytest.raises(ActionError, match=r"shape \(1, 3\); 'setpoint' expects \(1, 2\)"):
        coordinate(Setpoint(), np.zeros((1, 3)), OFFER, OWN)
    with pytest.raises(ActionError, match=r"these entries of a grid agent's are not: \[1\]"):
        coordinate(Setpoint(), np.array([[0.0, np.nan]]), OFFER, OWN)


# ----------------------------------------------------------------------------------- protocols, broken in many ways


@dataclass(frozen=True)
class Broken(Setpoint):
    """Setpoints, spoilt by a function of (told, offer)."""

    spoil: Callable[[Floats, Offer], Floats] = lambda told, offer: told

    def answer(self, told: Floats, offer: Offer, own_mw: Floats) -> Floats:
        return self.spoil(super().answer(told, offer, own_mw), offer)


def writes(told: Floats, offer: Offer) -> Floats:
    offer.high_mw[0, 0] += 1e-9
    return told


def tires() -> Callable[[Floats, Offer], Floats]:
    calls = iter(range(10**6))
    return lambda told, offer: told if next(calls) % 2 else offer.low_mw.copy()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda told, offer: told + 1.0, "setpoints outside the limits of devices"),
        (lambda told, offer: told[:, 1:], "expected setpoints"),
        (
            lambda told, offer: np.clip(offer.low_mw + offer.high_mw - told, offer.low_mw, offer.high_mw),
            "a setpoint falls as the action rises",
        ),
        (lambda told, offer: np.where(told > told.mean(axis=0), offer.low_mw, told), "alone has other setpoints than in a batch"),
        (lambda told, offer: np.where(told > told.mean(axis=1, keepdims=True), offer.low_mw, told), "answers otherwise than among others"),
        (writes, "changes what it was given"),
        (tires(), "another setpoint for the same action"),
    ],
)
def test_the_check_of_vertical_protocols_sees(spoil: Callable[[Floats, Offer], Floats], sentence: str) -> None:
    check_vertical(Broken())
    with pytest.raises(AssertionError, match=sentence):
        check_vertical(Broken(spoil=spoil))


@dataclass(frozen=True)
class Echo:
    """Everybody hears what it said; spoilt by a function of what was heard."""

    spoil: Callable[[Floats], Floats] = np.copy
    rounds: int = 1
    name: str = "echo"
    says: tuple[str, ...] = ("value",)
    hears: tuple[str, ...] = ("value",)

    def messages_per_round(self, agents: int) -> int:
        return agents

    def exchange(self, said: Floats) -> Agreement:
        if said.shape[2] != 1 or not np.isfinite(said).all():
            raise ActionError("cannot be said")
        once = np.ones(len(said), dtype=np.int64)
        return Agreement(self.spoil(said), self.rounds * once, once * said.shape[1])


def erase(said: Floats) -> Floats:
    said[0, 0] = 0.0
    return said.copy()


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (Echo(lambda said: said[:, 1:]), "expected the shapes"),
        (Echo(lambda said: said / 0.0 if said.size == 0 else said + np.inf), "not finite"),
        (Echo(lambda said: said - said.mean(axis=0)), "alone has another result than in a batch"),
        (Echo(erase), "changes what was said"),
        (Echo(rounds=2), "expected \\[10, 10"),
    ],
)
def test_the_check_of_horizontal_protocols_sees(broken: Echo, sentence: str) -> None:
    check_horizontal(Echo())
    with pytest.raises(AssertionError, match=sentence):
        check_horizontal(broken)


def test_the_check_sees_words_that_should_have_been_refused() -> None:
    @dataclass(frozen=True)
    class Deaf(NoHorizontal):
        def exchange(self, said: Floats) -> Agreement:
            return super().exchange(said[:, :, :0])

    with pytest.raises(AssertionError, match="a column too many must raise ActionError"):
        check_horizontal(Deaf())
