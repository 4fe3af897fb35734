"""The step protocol: every request is carried out once, whatever the broker does to its messages."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import msgspec
import pytest

from gridpilot.errors import ActionError, BrokerError, ConfigError, MessageError
from gridpilot.messages import Faults, FaultyBroker, Keyring, MeteredBroker, VirtualClockLoop, Wire
from gridpilot.messages.drivers.in_memory import InMemoryBroker
from gridpilot.messages.steps import Answer, Answers, Awaited, Question, Requester, Responder, StepSettings

T = TypeVar("T")
HOSTS = ("MG1", "MG2", "MG3")


class Order(msgspec.Struct):
    p_mw: float


class Report(msgspec.Struct):
    step: int
    p_mw: float


def virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(coroutine)


class Plant:
    """A role that counts how often it was moved, and keeps its state: a step carried out twice or not at all shows."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.moved: Counter[tuple[int, int, str]] = Counter()
        self.energy_mwh = 0.0
        self.delay_s = delay_s

    async def __call__(self, question: Question) -> Report:
        await asyncio.sleep(self.delay_s)
        order = question.read(Order)
        self.moved[question.at.episode, question.at.step, question.at.phase] += 1
        self.energy_mwh += order.p_mw
        return Report(question.at.step, self.energy_mwh)


class Rig:
    """Plants on hosts of their own, and a requester, on one faulty broker in memory."""

    def __init__(
        self, *, faults: Faults | None = None, wire: Wire | None = None, delays_s: Mapping[str, float] | None = None, **settings: Any
    ) -> None:
        delays_s = delays_s or {}
        self.broker = MeteredBroker(FaultyBroker(InMemoryBroker(), faults or Faults()))
        self.wire = wire
        self.settings = StepSettings(**settings)
        self.plants = {role: Plant(delays_s.get(role, 0.0)) for role in HOSTS}
        self.responders: dict[str, Responder] = {}
        self.requester = self.requesting(1)

    def requesting(self, epoch: int) -> Requester:
        return Requester(self.broker, "run", wire=self.wire, settings=self.settings, epoch=epoch, clock=clock)

    async def __aenter__(self) -> Rig:
        await self.broker.connect()
        await self.requester.open()
        for host in HOSTS:
            await self.start(host, {host: self.plants[host]})
        await self.requester.wait_for(HOSTS)
        return self

    async def start(self, host: str, roles: Mapping[str, Answer]) -> Responder:
        responder = self.responders[host] = Responder(self.broker, "run", host, roles, wire=self.wire, clock=clock)
        await responder.open()
        return responder

    async def __aexit__(self, *_: object) -> None:
        for responder in self.responders.values():
            await responder.close()
        await self.requester.close()
        await self.broker.close()

    async def step(self, step: int, phase: str = "act", episode: int = 0) -> Answers:
        return await self.requester.ask(episode, step, phase, {role: Order(1.0) for role in HOSTS}, Report)

    def total(self, name: str) -> int:
        return sum(responder.counts[name] for responder in self.responders.values())


def clock() -> float:
    return asyncio.get_running_loop().time()


def test_every_role_answers_every_step() -> None:
    async def episode() -> None:
        async with Rig() as rig:
            for step in range(50):
                answers = await rig.step(step)
                assert answers.values == {role: Report(step, step + 1.0) for role in HOSTS}
                assert tuple(answers.values) == HOSTS
            assert rig.requester.counts == {"requests": 150, "replies": 150, "missed": 0}
            assert rig.broker.messages["act"] == rig.broker.messages["act.reply"] == 150

    virtually(episode())


FAULTS = Faults(seed=2, loss=0.2, duplication=0.2, jitter_s=0.02, reordering=0.1)


def test_under_all_faults_each_step_is_carried_out_exactly_once() -> None:
    """Lockstep waits as long as it takes; the state of the plants is that of a perfect broker."""

    async def episode() -> Rig:
        async with Rig(faults=FAULTS, deadline_s=60.0, resend_s=0.05) as rig:
            for step in range(200):
                assert (await rig.step(step)).values == {role: Report(step, step + 1.0) for role in HOSTS}
            return rig

    rig = virtually(episode())
    assert all(set(plant.moved.values()) == {1} and len(plant.moved) == 200 for plant in rig.plants.values())
    assert rig.requester.counts["resent"] > 100
    assert rig.total("repeated") > 50
    assert rig.requester.counts["duplicate"] > 20
    assert rig.requester.counts["replies"] == 600


def test_a_faulty_episode_in_memory_repeats_exactly() -> None:
    async def episode() -> list[Any]:
        async with Rig(faults=FAULTS, mode="deadline", deadline_s=0.15, resend_s=0.05) as rig:
            seen = [(await rig.step(step)) for step in range(100)]
            return [(answers.values, answers.missed, answers.elapsed_s) for answers in seen] + [dict(rig.requester.counts)]

    once = virtually(episode())
    assert once == virtually(episode())
    assert any(missed for _, missed, _ in once[:-1])


def test_resending_saves_what_loss_would_cost() -> None:
    async def missed(resend_s: float) -> float:
        async with Rig(faults=Faults(loss=0.05), mode="deadline", deadline_s=1.0, resend_s=resend_s) as rig:
            for step in range(1000):
                await rig.step(step)
            return rig.requester.counts["missed"] / 3000

    assert virtually(missed(10.0)) == pytest.approx(1 - 0.95**2, abs=0.02)
    assert virtually(missed(0.1)) < 0.002


def test_a_deadline_goes_on_without_who_is_late_and_drops_his_reply_later() -> None:
    async def episode() -> None:
        async with Rig(mode="deadline", deadline_s=0.5, delays_s={"MG2": 0.8}) as rig:
            first = await rig.step(0)
            assert first.missed == ("MG2",)
            assert tuple(first.values) == ("MG1", "MG3")
            assert first.elapsed_s == pytest.approx(0.5)
            await asyncio.sleep(5.0)
            assert rig.plants["MG2"].moved == {(0, 0, "act"): 1}
            await rig.step(1)
            assert rig.requester.counts["late"] >= 1
            assert rig.requester.counts["missed"] == 2

    virtually(episode())


def test_lockstep_is_an_error_where_a_role_is_gone() -> None:
    async def episode() -> None:
        async with Rig(deadline_s=2.0) as rig:
            await rig.responders["MG3"].close()
            with pytest.raises(BrokerError, match="MG3 did not answer"):
                await rig.step(0)

    virtually(episode())


def test_free_running_takes_the_newest_answer_and_waits_for_nobody() -> None:
    async def episode() -> None:
        async with Rig(mode="free_running", faults=Faults(delay_s=0.15), deadline_s=5.0) as rig:
            began = clock()
            ages = []
            for step in range(20):
                answers = await rig.step(step)
                ages.append([step - received.at.step for received in answers.replies.values()])
                await asyncio.sleep(0.1)
            assert clock() - began == pytest.approx(2.0)
            assert ages[0] == ages[2] == []
            assert ages[4:] == [[3, 3, 3]] * 16
            assert rig.requester.counts["resent"] == 0

    virtually(episode())


def test_a_request_that_comes_after_its_time_is_not_carried_out() -> None:
    """As when a client flushes what it kept through an outage."""

    async def episode() -> None:
        async with Rig(mode="deadline", deadline_s=0.5, faults=Faults(delay_s=0.6)) as rig:
            assert (await rig.step(0)).missed == HOSTS
            await asyncio.sleep(5.0)
            assert all(plant.moved == {} for plant in rig.plants.values())
            assert rig.total("expired") == 3 + rig.requester.counts["resent"]

    virtually(episode())


def test_a_newer_epoch_fences_the_older_off() -> None:
    async def episode() -> None:
        async with Rig() as rig:
            await rig.step(0)
            newer = rig.requesting(2)
            await newer.open()
            await newer.wait_for(HOSTS)
            with pytest.raises(MessageError, match="taken over by epoch 2") as caught:
                await rig.step(1)
            assert caught.value.reason == "fenced"
            answers = await newer.ask(0, 0, "act", {role: Order(1.0) for role in HOSTS}, Report)
            assert answers.missed == ()
            assert all(plant.energy_mwh == 2.0 for plant in rig.plants.values())
            await newer.close()

    virtually(episode())


def test_a_restarted_host_takes_its_role_again_and_its_ghost_is_not_heard() -> None:
    async def episode() -> None:
        async with Rig(mode="deadline", deadline_s=1.0) as rig:
            await rig.step(0)
            incarnation = rig.requester.incarnations["MG2"]
            await rig.responders["MG2"].close()
            assert (await rig.step(1)).missed == ("MG2",)
            fresh = Plant()
            await rig.start("elsewhere", {"MG2": fresh})
            assert (await rig.step(2)).values["MG2"] == Report(2, 1.0)
            assert rig.requester.hosts["MG2"] == "elsewhere"
            assert rig.requester.incarnations["elsewhere"] > incarnation
            assert list(fresh.moved) == [(0, 2, "act")]

    virtually(episode())


def test_a_role_that_fails_tells_why_and_others_go_on() -> None:
    def fails(question: Question) -> Report:
        if question.at.step == 1:
            raise ActionError("The battery is empty.")
        return Report(question.at.step, 0.0)

    async def episode() -> None:
        async with Rig() as rig:
            await rig.start("MG9", {"MG9": fails})
            await rig.requester.wait_for(["MG9"])
            for step in range(3):
                payloads = {"MG9": Order(1.0), "MG1": Order(1.0)}
                answers = await rig.requester.ask(0, step, "act", payloads, Report)
                assert answers.failed == ({"MG9": "The battery is empty."} if step == 1 else {})
                assert "MG1" in answers.values
            wrong = await rig.requester.ask(0, 3, "act", {"MG1": "text"}, Report)
            assert "no Order" in wrong.failed["MG1"]
            misread = await rig.requester.ask(0, 4, "act", {"MG1": Order(1.0)}, int)
            assert "no int" in misread.failed["MG1"]

    virtually(episode())


def test_an_error_that_is_a_bug_is_not_swallowed() -> None:
    def broken(_: Question) -> None:
        raise ZeroDivisionError("a bug")

    async def episode() -> None:
        async with Rig(mode="deadline", deadline_s=0.2) as rig:
            await rig.start("MG9", {"MG9": broken})
            await rig.requester.wait_for(["MG9"])
            assert (await rig.requester.ask(0, 0, "act", {"MG9": b""})).missed == ("MG9",)
            responder = rig.responders.pop("MG9")
            with pytest.raises(ZeroDivisionError):
                await responder.finished()

    virtually(episode())


@pytest.mark.parametrize(("batched", "messages"), [(True, 1), (False, 12)])
def test_roles_of_one_host_share_a_message(batched: bool, messages: int) -> None:
    async def episode() -> None:
        async with Rig(batch_per_host=batched) as rig:
            devices = {f"device-{n}": (lambda question: question.read(float) * 2) for n in range(12)}
            await rig.start("farm", devices)
            await rig.requester.wait_for(devices)
            answers = await rig.requester.ask(0, 0, "act", {role: float(n) for n, role in enumerate(devices)}, float)
            assert answers.values == {f"device-{n}": 2.0 * n for n in range(12)}
            assert rig.broker.messages["act"] == rig.broker.messages["act.reply"] == messages
            assert rig.requester.counts["requests"] == rig.requester.counts["replies"] == 12

    virtually(episode())


def test_a_batch_that_is_too_large_is_split() -> None:
    async def episode() -> None:
        wire = Wire(max_frame_bytes=10_000)
        async with Rig(wire=wire, mode="deadline", deadline_s=1.0) as rig:
            big = {f"r{n}": (lambda question: question.read(bytes)) for n in range(5)}
            await rig.start("farm", {**big, "huge": lambda _: bytes(20_000)})
            await rig.requester.wait_for([*big, "huge"])
            answers = await rig.requester.ask(0, 0, "act", {**{role: bytes(4000) for role in big}, "huge": b""})
            assert all(answers.values[role] == bytes(4000) for role in big)
            assert "too large" in answers.failed["huge"]
            assert rig.broker.messages["act"] == 3

    virtually(episode())


def test_phases_of_a_step_are_requests_of_their_own() -> None:
    async def episode() -> None:
        async with Rig() as rig:
            for phase in ("observe", "act"):
                await rig.step(0, phase)
            assert rig.plants["MG1"].moved == {(0, 0, "observe"): 1, (0, 0, "act"): 1}
            for step, phase, episode in ((0, "act", 0), (0, "observe", 0)):
                with pytest.raises(ConfigError, match="asked already"):
                    await rig.step(step, phase, episode)
            await rig.step(0, "act", episode=1)
            with pytest.raises(ConfigError, match="asked once per phase"):
                await rig.step(5, "act", episode=0)

    virtually(episode())


def test_nobody_there_is_told_by_name() -> None:
    async def episode() -> None:
        async with Rig() as rig:
            with pytest.raises(BrokerError, match="holds MG8, MG9 after 1"):
                await rig.requester.wait_for(["MG9", "MG1", "MG8"], timeout_s=1.0)

    virtually(episode())


def test_strangers_are_refused_on_both_sides() -> None:
    """Rubbish and forgeries on the subjects of replies and requests change nothing but a count."""

    async def episode() -> None:
        async with Rig(wire=Wire(keyring=Keyring({"a": b"k" * 32}))) as rig:
            forger = Wire(keyring=Keyring({"a": b"f" * 32}))
            for host in HOSTS:
                subject, frame = forger.write(rig.responders[host]._hello())
                await rig.broker.publish(subject, frame)
                await rig.broker.publish(f"gp.run.{host}.act.reply", b"\x00" * 50)
                await rig.broker.publish(f"gp.run.{host}.act", frame)
            assert (await rig.step(0)).values == {role: Report(0, 1.0) for role in HOSTS}
            assert rig.requester.counts["refused"] == 6
            assert rig.total("refused") == 3

    virtually(episode())


def test_two_runs_on_one_broker_do_not_meet() -> None:
    async def episode() -> None:
        async with Rig() as rig:
            stranger = Requester(rig.broker, "other", epoch=9, clock=clock)
            await stranger.open()
            with pytest.raises(BrokerError, match="'other'"):
                await stranger.wait_for(["MG1"], timeout_s=0.5)
            await rig.step(0)
            await stranger.close()

    virtually(episode())


@pytest.mark.parametrize(
    "make",
    [
        lambda: StepSettings(mode="lock"), lambda: StepSettings(deadline_s=0.0, resend_s=-1.0),
        lambda: Responder(InMemoryBroker(), "run", "all", {"a": lambda _: b""}), lambda: Responder(InMemoryBroker(), "run", "MG1", {}),
        lambda: Responder(InMemoryBroker(), "a.b", "MG1", {"a": lambda _: b""}),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigError):
        make()


# ------------------------------------------------------------------------------------------ what is told


KEYS = Wire(keyring=Keyring({"a": bytes(32)}))


@pytest.mark.parametrize(("asking", "answering", "why"), [(KEYS, Wire(), "is not signed"), (Wire(), KEYS, "is signed")])
def test_keys_on_one_side_are_told_on_both(asking: Wire, answering: Wire, why: str) -> None:
    async def meet() -> None:
        rig = Rig(wire=answering)
        requester = Requester(rig.broker, "run", wire=asking, epoch=1, clock=clock)
        await rig.broker.connect()
        responder = await rig.start("MG1", {"MG1": rig.plants["MG1"]})  # its first hello is heard by nobody
        await requester.open()
        with pytest.raises(BrokerError, match=f"holds MG1 (.|\n)*messages were refused: (.|\n)*{why}(.|\n)*GRIDPILOT_MESSAGE_KEYS"):
            await requester.wait_for(["MG1"], 1.0)
        other = {"is signed": "is not signed", "is not signed": "is signed"}[why]
        assert other in responder.refused["mac"]
        assert responder.counts["refused"] > 1
        assert len(responder.refused) == 1
        await responder.close()
        await requester.close()
        await rig.broker.close()

    virtually(meet())


def test_who_is_waited_for_is_shown_until_nobody_is() -> None:
    shown: list[Awaited] = []

    async def episode() -> None:
        rig = Rig(deadline_s=5.0, delays_s={"MG2": 1.0})
        rig.requester = Requester(rig.broker, "run", settings=rig.settings, epoch=1, clock=clock, watch=shown.append)
        await rig.broker.connect()
        await rig.requester.open()
        for host in ("MG1", "MG3"):
            await rig.start(host, {host: rig.plants[host]})
        joining = asyncio.create_task(rig.requester.wait_for(HOSTS, 10.0))
        await asyncio.sleep(3.0)
        await rig.start("MG2", {"MG2": rig.plants["MG2"]})
        await joining
        assert Awaited("hello", ("MG2",), ("MG1", "MG3"), ()) in shown
        assert shown[-1] == Awaited("hello", (), HOSTS, ())
        await rig.step(0)
        assert Awaited("act", ("MG2",), ("MG1", "MG3"), ()) in shown
        assert shown[-1] == Awaited("act", (), HOSTS, ())
        await rig.__aexit__()

    virtually(episode())


def test_silence_in_lockstep_names_agent_step_and_seconds() -> None:
    async def episode() -> None:
        async with Rig(deadline_s=0.5) as rig:
            await rig.step(0)
            await rig.responders.pop("MG3").close()
            with pytest.raises(BrokerError) as raised:
                await rig.step(1)
            assert str(raised.value).startswith("MG3 did not answer 'act' of step 1 within 0.5 s. ")
            assert "StepId" not in str(raised.value)

    virtually(episode())
