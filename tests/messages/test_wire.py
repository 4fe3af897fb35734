"""Nothing gets through the wire that was not sent by somebody with a key, whole, here, and in bounds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.errors import ConfigError, MessageError, UnknownNameError
from gridpilot.messages import Codec, Keyring, Message, StepId, Wire
from gridpilot.messages.drivers.in_memory import InMemoryBroker
from gridpilot.messages.envelope import Answered, Asked, Call, Envelope, Hello, Reply, Request
from gridpilot.messages.steps import Question, Responder

KEYS = Keyring({"now": b"n" * 32, "before": b"b" * 32})
OTHERS = Keyring({"now": b"x" * 32})
NOW_S = 1000.0
FUZZ = 100_000


def request(step: int, *, until: float = NOW_S + 10, epoch: int = 5, value: object = 1.5, codec: Codec | None = None) -> Request:
    payload = (codec or Codec()).pack(value)
    return Request("run", "MG1", StepId(epoch, 0, step, "act"), until, (Asked("MG1", payload), Asked("MG2", payload)))


names = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
counts = st.integers(0, 2**53)
steps = st.builds(StepId, counts, counts, counts, names)
times = st.floats(0, 1e12)


def raws(codec: Codec) -> st.SearchStrategy[msgspec.Raw]:
    return st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.text(), st.lists(st.integers(0, 9))).map(codec.pack)


def envelopes(codec: Codec) -> st.SearchStrategy[Envelope]:
    asked = st.lists(st.builds(Asked, names, raws(codec)), min_size=1, max_size=4, unique_by=lambda item: item.role).map(tuple)
    answered = st.lists(
        st.builds(Answered, names, st.sampled_from(["ok", "failed"]), raws(codec), st.text(max_size=9)),
        max_size=4,
        unique_by=lambda a: a.role,
    ).map(tuple)
    return st.one_of(
        st.builds(Request, names, names, steps, times, asked),
        st.builds(Reply, names, names, steps, counts, counts, answered),
        st.builds(Call, names, counts, times),
        st.builds(Hello, names, names, counts, st.lists(names, min_size=1).map(tuple)),
    )


@pytest.mark.parametrize("format", ["msgpack", "json"])
@pytest.mark.parametrize("keyring", [None, KEYS])
def test_what_is_written_is_read_as_it_was(format: str, keyring: Keyring | None) -> None:
    wire = Wire(Codec(format), keyring)

    @given(envelopes(wire.codec))
    def holds(envelope: Envelope) -> None:
        assert wire.read(*wire.write(envelope)) == envelope

    holds()


def test_floats_travel_with_all_their_bits() -> None:
    for codec in (Codec(), Codec("json")):
        values = [0.1, 1 / 3, 5e-324, -0.0, 1.7976931348623157e308]
        assert [x.hex() for x in codec.unpack(codec.pack(values), list[float])] == [x.hex() for x in values]
        assert codec.unpack(codec.pack(b"\x00\xff"), bytes) == b"\x00\xff"


def test_keys_can_be_exchanged_without_a_pause() -> None:
    older = Keyring({"before": b"b" * 32})
    assert Wire(keyring=KEYS).read(*Wire(keyring=older).write(request(1))) == request(1)
    with pytest.raises(MessageError, match="none of the keys before"):
        Wire(keyring=older).read(*Wire(keyring=KEYS).write(request(1)))


def refusal(wire: Wire, subject: str, frame: bytes) -> str:
    with pytest.raises(MessageError) as caught:
        wire.read(subject, frame)
    return caught.value.reason


def test_checks_come_in_their_order() -> None:
    """Each message is wrong in all the ways that come later too."""
    wire = Wire(keyring=KEYS, max_frame_bytes=2000)
    subject = "gp.run.MG1.act"
    assert refusal(wire, subject, b"\xc1" * 2001) == "size"
    assert refusal(wire, subject, b"\xc1" * 2000) == "mac"
    assert refusal(wire, subject, KEYS.seal(subject, b"\xc1")) == "decode"
    assert refusal(wire, subject, KEYS.seal(subject, msgspec.msgpack.encode({"type": "request", "run": ""}))) == "bounds"


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2}, {"run": "a.b"}, {"host": "*"}, {"valid_until": float("nan")}, {"valid_until": float("inf")}, {"valid_until": -1.0},
        {"items": []}, {"items": [{"role": "a", "payload": 1}] * 2}, {"extra": 1}, {"type": "order"}, {"host": "MG2"},
        {"at": {"epoch": -1, "episode": 0, "step": 0, "phase": "act"}}, {"at": {"epoch": 2**60, "episode": 0, "step": 0, "phase": "act"}},
        {"at": {"epoch": 1, "episode": 0, "step": 0.5, "phase": "act"}}, {"at": {"epoch": 1, "episode": 0, "step": 0, "phase": "see"}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused_although_it_is_signed(change: dict[str, object]) -> None:
    wire = Wire(keyring=KEYS)
    subject, _ = wire.write(request(1))
    body = msgspec.msgpack.decode(Codec().encode(request(1))) | change
    assert refusal(wire, subject, KEYS.seal(subject, msgspec.msgpack.encode(body))) == "bounds"


def test_a_message_cannot_be_moved_to_another_subject() -> None:
    wire = Wire(keyring=KEYS)
    _, frame = wire.write(request(1))
    assert refusal(wire, "gp.run.MG2.act", frame) == "mac"
    assert refusal(Wire(), "gp.run.MG2.act", Wire().write(request(1))[1]) == "bounds"


def test_a_message_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(MessageError, match="at most 100"):
        Wire(max_frame_bytes=100).write(request(1, value="x" * 100))


@pytest.mark.parametrize("keys", [{}, {"a": b"short"}, {"": b"n" * 32}, {"ä": b"n" * 32}])
def test_weak_keys_are_refused(keys: dict[str, bytes]) -> None:
    with pytest.raises(ConfigError, match="cannot be signed"):
        Keyring(keys)


def test_keys_come_from_the_environment_and_are_never_shown() -> None:
    found = Keyring.from_environment({"GRIDPILOT_MESSAGE_KEYS": f"a:{'ab' * 16},b:{'cd' * 16}"})
    assert found is not None
    assert list(found.keys) == ["a", "b"]
    assert "ab" * 4 not in repr(found)
    assert Keyring.from_environment({}) is None
    with pytest.raises(ConfigError, match="entry 2") as caught:
        Keyring.from_environment({"GRIDPILOT_MESSAGE_KEYS": f"a:{'ab' * 16},hush"})
    assert "hush" not in str(caught.value)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="msgpack"):
        Codec("xml")


def test_a_payload_that_cannot_be_sent_is_told() -> None:
    with pytest.raises(ConfigError, match="object cannot be sent"):
        Codec().pack(object())
    with pytest.raises(MessageError, match="no int"):
        Codec().unpack(Codec().pack("text"), int)


# ------------------------------------------------------------------------------------------------------- fuzz


def corrupted(wire: Wire, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Messages that nobody may act on, of every kind in turn."""
    subject, good = wire.write(request(10_000_000, value=[1.0] * 20))
    old = [wire.write(request(step)) for step in range(20)]
    late = [wire.write(request(10_000_000 + n, until=NOW_S - 1)) for n in range(20)]
    usurped = [wire.write(request(10_000_000 + n, epoch=4)) for n in range(20)]
    forged = [Wire(keyring=OTHERS).write(request(10_000_000 + n)) for n in range(20)]
    deep = KEYS.seal(subject, b"\x91" * 100_000)
    body = Codec().encode(request(10_000_000))

    def flipped() -> tuple[str, bytes]:
        changed = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        return (subject, bytes(changed)) if bytes(changed) != good else (subject, b"")

    def insider() -> tuple[str, bytes]:
        """Signed with the right key, but torn, spliced or padded."""
        cut = draw.randrange(len(body))
        return subject, KEYS.seal(subject, body[:cut] + draw.randbytes(draw.randint(0, 40)))

    kinds: list[Callable[[], tuple[str, bytes]]] = [
        lambda: (subject, draw.randbytes(draw.randint(0, 300))),
        lambda: (subject, good[: draw.randrange(len(good))]),
        lambda: (subject, good + draw.randbytes(draw.randint(1, 9))),
        flipped,
        insider,
        lambda: draw.choice(old),
        lambda: draw.choice(late),
        lambda: draw.choice(usurped),
        lambda: draw.choice(forged),
        lambda: ("gp.run.MG2.act", good),
        lambda: (subject, body),
    ]
    for number in range(FUZZ):
        if number % 5000 == 0:
            yield subject, good + bytes(wire.max_frame_bytes)
            yield subject, deep
        yield kinds[number % len(kinds)]()


async def fuzzed() -> tuple[list[int], int, Responder]:
    carried_out: list[int] = []

    def act(question: Question) -> float:
        carried_out.append(question.at.step)
        return question.read(float)

    broker = InMemoryBroker()
    await broker.connect()
    wire = Wire(keyring=KEYS)
    responder = Responder(broker, "run", "MG1", {"MG1": act, "MG2": act}, wire=wire, clock=lambda: NOW_S)
    for step in range(20):
        await responder.handle(Message(*wire.write(request(step))))
    genuine, number = len(carried_out), 0
    for subject, frame in corrupted(wire, random.Random(1)):
        await responder.handle(Message(subject, frame))
        number += 1
    await responder.handle(Message(*wire.write(request(10_000_000))))
    return carried_out[genuine:], number, responder


def test_a_hundred_thousand_bad_messages_move_nothing_and_stop_nobody() -> None:
    """Only the genuine request after them is carried out; replays of the newest step are answered from memory."""
    carried_out, sent, responder = asyncio.run(fuzzed())
    assert carried_out == [10_000_000] * 2
    assert sent >= FUZZ
    counts = responder.counts
    assert counts["answered"] == 42
    assert counts["repeated"] + counts["stale"] == pytest.approx(2 * FUZZ / 11, abs=4)
    assert counts["expired"] == pytest.approx(FUZZ / 11, abs=2)
    assert counts["fenced"] == pytest.approx(FUZZ / 11, abs=2)
    assert counts["refused"] == sent - counts["expired"] - counts["fenced"] - (counts["repeated"] + counts["stale"]) // 2
