"""Agents that trade and agree by messages: as if all were in one place, and what becomes of those who say nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from tests.envs.microgrids.episode import Told, actions, play, played
from tests.envs.microgrids.test_remote import MEMBERS, processes, remote
from tests.messages.servers import SERVERS, Server

from gridpilot.agents.coordination.horizontal import make_horizontal
from gridpilot.agents.grid import Account, Cleared, GridAgent, Order, Trade
from gridpilot.agents.grid.dealing import OwnPrice, Purse
from gridpilot.agents.grid.dialogue import Agree
from gridpilot.envs.microgrids import MicrogridsEnv, microgrids_env
from gridpilot.envs.microgrids.agreement import Agreement
from gridpilot.envs.microgrids.remote import Exchange
from gridpilot.errors import MessageError

STEPS = 48
TRADING: dict[str, Any] = {
    "horizontal": "trading",
    "horizontal_options": {"fee_usd_per_mwh": 1.0, "network_charge_usd_per_mwh": 2.0},
}
AGREEING: dict[str, Any] = {"vertical": "price-signal", "horizontal": "consensus"}
BOTH = pytest.mark.parametrize("settings", [TRADING, AGREEING], ids=["trading", "consensus"])
start_nats: Callable[[], AbstractContextManager[Server]] = SERVERS["nats"]  # type: ignore[assignment]


def traded(told: Told) -> list[list[tuple[float, float]]]:
    parts = [[info["reward_parts"] for info in infos.values()] for infos in told.infos]
    return [[(part["traded_usd"], part["traded_mwh"]) for part in step] for step in parts]


def the_same(one: Told, other: Told) -> None:
    assert one.hashes == other.hashes
    assert one.rewards == other.rewards
    assert traded(one) == traded(other)


@BOTH
def test_in_memory_is_central_bit_for_bit(settings: dict[str, Any]) -> None:
    the_same(played(STEPS, centralized=False, **settings), played(STEPS, **settings))


@pytest.mark.parametrize("graph", ["ring", "star"])
def test_ten_agree_over_a_graph_bit_for_bit(graph: str) -> None:
    """Many rounds, and in a star agents with one neighbour beside one with nine."""
    settings = {**AGREEING, "scenario": "microgrids-10", "horizontal_options": {"graph": graph}}
    the_same(played(3, centralized=False, **settings), played(3, **settings))


@BOTH
def test_agents_in_three_processes_are_central_bit_for_bit(settings: dict[str, Any]) -> None:
    with start_nats() as server, processes(server, "dealing", [[role] for role in MEMBERS]):
        told = played(STEPS, **remote(server, "dealing", **settings))
    the_same(told, played(STEPS, **settings))


def balanced(env: MicrogridsEnv, paid_usd_per_mwh: float) -> None:
    """Every agent has the account that the market has, and all together balance to the last bit."""
    assert env.remote is not None
    market = env.remote.market
    assert list(market.told.values()) == market.accounts
    bought, sold, paid = (sum(getattr(own, name) for own in market.accounts) for name in ("bought_mwh", "sold_mwh", "paid_usd"))
    assert bought == sold > 0.0
    assert paid == bought * paid_usd_per_mwh


def test_accounts_of_agents_balance_and_are_the_markets() -> None:
    env = microgrids_env(centralized=False, **TRADING)
    told = play(env, STEPS)
    balanced(env, 2.0 * 1.0 + 2.0)
    assert env.remote is not None
    for k, account in enumerate(env.remote.market.accounts):
        assert account.paid_usd == sum(step[k][0] for step in traded(told))
        assert account.bought_mwh - account.sold_mwh == sum(step[k][1] for step in traded(told))
    env.close()


def test_logical_messages_are_counted_by_kind() -> None:
    for settings, expected in ((TRADING, {"metered": 3, "order": 3, "cleared": 3}), (AGREEING, {"consensus": 6})):
        env = microgrids_env(centralized=False, **settings)
        play(env, 1)
        before = env.messages
        env.step(actions(env, np.random.default_rng(0)))
        counted = env.messages - before
        base = {kind: counted.pop(kind) for kind in ("action", "setpoint", "report", "network", "receipt")}
        assert base["action"] == base["network"] == 3
        assert base["setpoint"] == base["report"] == sum(len(member.devices) for member in env.members.all)
        assert counted == expected
        env.close()


def mute(monkeypatch: pytest.MonkeyPatch, role: str, phase: str, steps: range) -> None:
    """Let an agent refuse a phase of some steps."""
    answer = GridAgent.answer

    def sometimes(self: GridAgent, question: Any) -> Any:
        if self.role == role and question.at.phase == phase and question.at.step in steps:
            raise MessageError("mute", "says nothing")
        return answer(self, question)

    monkeypatch.setattr(GridAgent, "answer", sometimes)


def test_who_does_not_order_does_not_trade(monkeypatch: pytest.MonkeyPatch) -> None:
    mute(monkeypatch, "MG2", "trade", range(3, 6))
    env = microgrids_env(centralized=False, mode="deadline", **TRADING)
    env.reset(seed=5)
    random, orders = np.random.default_rng(5), []
    for step in range(1, 12):
        infos = env.step(actions(env, random))[4]
        assert env.remote is not None
        orders.append(env.remote.last.orders)
        parts = [info["reward_parts"] for info in infos.values()]
        assert sum(part["traded_mwh"] for part in parts) == 0.0
        if step in range(3, 6):
            assert parts[1]["traded_mwh"] == parts[1]["traded_usd"] == 0.0
    assert [order[1] is None for order in orders] == [step in range(3, 6) for step in range(1, 12)]
    assert not any(order[0] is None or order[2] is None for order in orders)
    balanced(env, 2.0 * 1.0 + 2.0)
    env.close()


def test_a_trade_whose_news_was_lost_is_booked_later_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    mute(monkeypatch, "MG1", "cleared", range(3, 9))
    env = microgrids_env(centralized=False, mode="deadline", **TRADING)
    play(env, 24)
    balanced(env, 2.0 * 1.0 + 2.0)
    env.close()


def test_lost_messages_leave_accounts_in_balance() -> None:
    env = microgrids_env(
        centralized=False, mode="deadline", deadline_s=0.25, faults={"seed": 4, "loss": 0.15, "duplication": 0.2}, **TRADING
    )
    told = play(env, 96)
    assert any(info["silent_cycles"] for infos in told.infos for info in infos.values())
    assert env.remote is not None
    accounts = env.remote.market.accounts
    assert sum(own.bought_mwh for own in accounts) == sum(own.sold_mwh for own in accounts) > 0.0
    env.close()


def test_an_episode_that_is_taken_up_again_has_the_same_accounts() -> None:
    """From what was recorded of its first half: agents that were started anew are given what they had traded."""
    first, second = (microgrids_env(centralized=False, **TRADING) for _ in range(2))
    random = np.random.default_rng(3)
    said: list[dict[str, Any]] = []
    records: list[Exchange] = []
    for env in (first, second):
        assert env.remote is not None
        if env is second:
            env.remote.play_back(records[:25])
        env.reset(seed=5)
        records.append(env.remote.last)
        for step in range(STEPS):
            if env is first:
                said.append(actions(env, random))
            env.step(said[step])
            records.append(env.remote.last)
    assert first.remote is not None
    assert second.remote is not None
    assert first.remote.market.accounts == second.remote.market.accounts
    assert first.remote.market.told == second.remote.market.told
    assert records[STEPS] == records[-1]
    for env in (first, second):
        env.close()


def test_an_order_beyond_the_meter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Purse, "order", lambda self, metered: Order(10.0, 1e3, 10.0, 0.0))
    env = microgrids_env(centralized=False, **TRADING)
    with pytest.raises(MessageError, match="as its meter shows"):
        play(env, 1)
    env.close()


def test_a_purse_books_a_trade_once() -> None:
    purse = Purse(Account())
    first, second = Trade(1, 0.5, 0.0, 40.0, 20.0), Trade(2, 0.0, 0.25, 40.0, -10.0)
    assert purse.book(Cleared([first])) == Account(1, 0.5, 0.0, 20.0)
    assert purse.book(Cleared([first, second])) == purse.book(Cleared([first, second])) == Account(2, 0.5, 0.25, 10.0)


def test_who_says_nothing_keeps_its_price_and_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three agree on their mean; the third acts by its own price, and so it does in the step after, in which it may agree again."""
    mute(monkeypatch, "MG2", "agree-1", range(2, 3))
    env = microgrids_env(centralized=False, mode="deadline", **AGREEING)
    other = microgrids_env(vertical="price-signal")
    prices = {"MG1": -0.9, "MG2": 0.1, "MG3": 0.5}
    spoken = []
    for tested in (env, other):
        tested.reset(seed=0)
        tested.step({name: np.zeros(1, np.float32) for name in prices})
    agreed = env.step({name: np.array([price], np.float32) for name, price in prices.items()})[4]
    assert env.remote is not None
    spoken.append(env.remote.last.spoken)
    expected = _without_the_second(prices)
    alone = other.step({name: np.array([price]) for name, price in expected.items()})[4]
    for name in prices:
        assert agreed[name]["ordered_mw"] == pytest.approx(alone[name]["ordered_mw"], abs=1e-9)
    env.step({name: np.zeros(1, np.float32) for name in prices})
    spoken.append(env.remote.last.spoken)
    assert spoken == [[1, 0, 1], [1, 1, 1]]
    env.close()


def _without_the_second(prices: dict[str, float]) -> dict[str, float]:
    """Each of the two moves a third of the way to the other, as if the second held what they hold."""
    one, second, third = (float(np.float32(price)) for price in prices.values())
    return {"MG1": one + (third - one) / 3.0, "MG2": second, "MG3": third + (one - third) / 3.0}


def test_rounds_by_post_are_those_of_the_protocol() -> None:
    consensus = make_horizontal("consensus", agents=5, graph="line", rounds=7)
    names = [f"MG{k + 1}" for k in range(5)]
    agreement = Agreement(consensus, names)  # type: ignore[arg-type]
    agents = {name: OwnPrice(agreement.weights(k)) for k, name in enumerate(names)}
    begun = np.random.default_rng(1).normal(size=5).tolist()

    def ask(phase: str, asked: Any, reply: type) -> dict[str, Any]:
        assert all(isinstance(question, Agree) for question in asked.values())
        return {name: agents[name].tell(question) for name, question in asked.items()}

    heard = agreement.hold(ask, 1, begun, set(range(5)))
    ended = [agents[name].conclude(1, begun[k], heard[k]) for k, name in enumerate(names)]
    assert ended == consensus.exchange(np.array(begun)[None, :, None]).heard[0, :, 0].tolist()
    assert agreement.letters == 7 * consensus.messages_per_round(5)
