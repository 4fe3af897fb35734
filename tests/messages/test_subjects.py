"""Subjects and patterns mean the same to every broker."""

from __future__ import annotations

import asyncio
import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.errors import ConfigError
from gridpilot.messages import Subscription
from gridpilot.messages.routes import Routes
from gridpilot.messages.subjects import check_pattern, check_subject, kind_of, matches, reply_subject, request_subject

tokens = st.sampled_from(["gp", "a", "b", "act", "reply"])
subjects = st.lists(tokens, min_size=1, max_size=5).map(".".join)
patterns = st.builds(
    lambda parts, tail: ".".join([*parts, *tail]),
    st.lists(st.one_of(tokens, st.just("*")), min_size=1, max_size=4),
    st.sampled_from([[], [">"]]),
)


def as_expression(pattern: str) -> str:
    """The definition of a pattern, by another engine."""
    return pattern.replace(".", r"\.").replace("*", "[^.]+").replace(">", ".+")


@given(patterns, subjects)
def test_a_pattern_matches_what_its_definition_says(pattern: str, subject: str) -> None:
    assert matches(pattern, subject) == bool(re.fullmatch(as_expression(pattern), subject))


@given(patterns, subjects)
def test_an_mqtt_filter_matches_the_same_topics(pattern: str, subject: str) -> None:
    client = pytest.importorskip("paho.mqtt.client")
    from gridpilot.messages.drivers.mqtt import filter_of, topic_of

    assert client.topic_matches_sub(filter_of(pattern), topic_of(subject)) == matches(pattern, subject)


@given(patterns, subjects)
def test_a_redis_glob_matches_at_least_the_same_channels(pattern: str, subject: str) -> None:
    pytest.importorskip("redis")
    from gridpilot.messages.drivers.redis import glob_of

    assert fnmatchcase(subject, glob_of(pattern)) >= matches(pattern, subject)


@pytest.mark.parametrize("text", ["", "a..b", "a.b c", "a.*", "a.>", "ä", "a\n", "x" * 65, ".".join(["x" * 60] * 5)])
def test_what_is_no_subject_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no subject"):
        check_subject(text)


@pytest.mark.parametrize("text", ["a.>.b", "a.b*", "", "a.**"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no pattern"):
        check_pattern(text)


def test_all_wrong_tokens_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        check_subject("a b.ok.c d")
    assert [problem.where for problem in caught.value.problems] == ["token 1", "token 3"]


def test_kinds_leave_run_and_host_out() -> None:
    assert kind_of(request_subject("r", "MG1", "act")) == "act"
    assert kind_of(reply_subject("r", "MG1", "act")) == "act.reply"
    assert kind_of("weather.now") == "other"


@pytest.mark.parametrize("pattern", ["gp.>", "*.run.>", "gp.run"])
def test_kafka_needs_a_topic(pattern: str) -> None:
    pytest.importorskip("confluent_kafka")
    from gridpilot.messages.drivers.kafka import topic_of

    with pytest.raises(ConfigError, match="names no Kafka topic"):
        topic_of(pattern)


def test_routes_forget_what_they_remembered_when_a_subscription_comes_or_goes() -> None:
    async def found() -> list[int]:
        routes = Routes()
        one = Subscription("gp.*", _forget)
        counts = [len(routes.of("gp.a"))]
        routes.add(one)
        counts.append(len(routes.of("gp.a")))
        routes.remove(one)
        return [*counts, len(routes.of("gp.a"))]

    assert asyncio.run(found()) == [0, 1, 0]


async def _forget(_: Subscription) -> None:
    """Nothing to end at a broker."""
