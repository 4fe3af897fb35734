"""A batch on several threads is the batch on one, bit for bit, and leaves nothing behind."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpilot import make_vec
from gridpilot.envs.episodes import begin
from gridpilot.envs.ground import lay_ground
from gridpilot.envs.microgrids import microgrids_vec
from gridpilot.envs.settings import EnvSettings
from gridpilot.errors import ConfigError
from gridpilot.traces.fingerprint import state_hash
from gridpilot.twin import memory
from gridpilot.twin.crew import Crew
from gridpilot.twin.memory import cut

CYCLES = 6
BATCH = 200


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pieces and shares of a few elements, so that small batches have many."""
    with monkeypatch.context() as patch:
        patch.setattr(memory, "PIECE", 16)
        patch.setattr(memory, "LEAST_PER_THREAD", 8)
        yield


def crew_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("gridpilot crew")]


def gone(within_s: float = 10.0) -> bool:
    """Whether the threads of all crews end."""
    give_up = time.monotonic() + within_s
    while crew_threads() and time.monotonic() < give_up:
        time.sleep(0.01)
    return not crew_threads()


def played(batch: int, threads: int, steps: int = 2 * CYCLES + 3) -> tuple[list[bytes], str, int]:
    """Everything that wild actions lead to, resets included; the last state; and how many shares there were."""
    envs = make_vec("six_bus", batch, threads=threads, cycles=CYCLES)
    seen = [envs.reset(seed=7)[0].tobytes()]
    random = np.random.default_rng(0)
    ended = 0
    for _ in range(steps):
        shown, reward, terminated, truncated, infos = envs.step(random.uniform(-1, 1, (batch, len(envs.action_names))).astype(np.float32))
        seen += [values.tobytes() for values in (shown, reward, terminated, truncated)]
        seen += [values.tobytes() for values in infos["reward_terms"].values()]
        ended += int((terminated | truncated).sum())
    assert ended >= batch * (steps // CYCLES)
    assert envs.state is not None
    assert envs._running is not None
    envs.close()
    return seen, state_hash(envs.state), len(envs._running.memory.shares)


def test_the_number_of_threads_changes_no_number() -> None:
    seen, state, shares = played(BATCH, 1)
    assert shares == 1
    for threads in (2, 3):
        assert played(BATCH, threads) == (seen, state, threads)


@pytest.mark.usefixtures("small")
@settings(max_examples=5, deadline=None)
@given(batch=st.integers(1, 70), threads=st.integers(2, 5))
def test_nor_do_pieces_of_any_batch(batch: int, threads: int) -> None:
    assert played(batch, threads, CYCLES + 2)[:2] == played(batch, 1, CYCLES + 2)[:2]


@given(batch=st.integers(1, 5000), threads=st.integers(1, 64))
def test_every_element_is_in_one_piece_of_one_share(batch: int, threads: int) -> None:
    shares = cut(batch, threads)
    assert [b for share in shares for piece in share for b in piece] == list(range(batch))
    assert 1 <= len(shares) <= threads
    assert all(0 < len(piece) <= memory.PIECE for share in shares for piece in share)
    if batch >= threads * memory.LEAST_PER_THREAD * 2:
        sizes = [sum(map(len, share)) for share in shares]
        assert len(shares) == threads or max(sizes) - min(sizes) <= 8 * threads


@pytest.mark.parametrize("vertical", ["setpoint", "price-signal"])
def test_microgrids_on_threads_are_those_on_one(vertical: str) -> None:
    found = []
    for threads in (1, 2):
        envs = microgrids_vec(130, threads=threads, scenario="three_microgrids", vertical=vertical, cycles=3)
        envs.reset(seed=1)
        random = np.random.default_rng(0)
        seen = []
        for _ in range(5):
            moved = envs.step({name: random.uniform(-1, 1, (130, *space.shape)) for name, space in envs.single_action_spaces.items()})
            seen += [moved.rewards.tobytes(), moved.infos["reward_parts"].tobytes(), envs.state().tobytes()]
        found.append(seen)
        envs.close()
    assert found[0] == found[1]


# ------------------------------------------------------------------------------------------------------ threads


def make_running(threads: int = 2) -> Any:
    envs = make_vec("six_bus", BATCH, threads=threads, cycles=CYCLES)
    envs.reset(seed=0)
    envs.step(np.tile(envs.standing_action, (BATCH, 1)))
    return envs


def test_threads_end_with_close_and_with_the_environment() -> None:
    assert gone()
    envs = make_running()
    assert len(crew_threads()) == 1
    envs.close()
    assert not crew_threads()
    envs = make_running()
    assert len(crew_threads()) == 1
    del envs
    gc.collect()
    assert gone()


def test_a_single_piece_needs_no_thread() -> None:
    assert gone()
    envs = make_vec("six_bus", 8, threads=4, cycles=CYCLES)
    envs.reset(seed=0)
    envs.step(np.tile(envs.standing_action, (8, 1)))
    assert not crew_threads()


def test_none_is_a_thread_on_every_core() -> None:
    assert Crew(None).threads == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else Crew(None).threads >= 1
    with pytest.raises(ConfigError, match="threads is 0"):
        make_vec("six_bus", 8, threads=0)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("make", [make_running, lambda: make_microgrids()], ids=["grid", "microgrids"])
def test_a_copy_has_threads_of_its_own(make: Callable[[], Any], duplicate: Callable[[Any], Any]) -> None:
    envs = make()
    other = duplicate(envs)
    first = [one_step(envs) for _ in range(CYCLES)]
    assert [one_step(other) for _ in range(CYCLES)] == first
    envs.close()
    assert one_step(other) == one_step(envs)
    other.close()


def make_microgrids() -> Any:
    envs = microgrids_vec(130, threads=2, scenario="three_microgrids", cycles=CYCLES)
    envs.reset(seed=3)
    return envs


def one_step(envs: Any) -> bytes:
    """Rewards of a step in which nothing is said."""
    if hasattr(envs, "single_action_spaces"):
        found: bytes = envs.step(
            {name: np.zeros((130, *space.shape)) for name, space in envs.single_action_spaces.items()}
        ).rewards.tobytes()
        return found
    rewards: bytes = envs.step(np.tile(envs.standing_action, (BATCH, 1)))[1].tobytes()
    return rewards


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    envs = make_running()
    expected = copy.deepcopy(envs)
    end, begun = os.pipe()
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        os.write(begun, one_step(envs))
        os._exit(0)
    os.close(begun)
    with os.fdopen(end, "rb") as told:
        said = told.read()
    os.waitpid(child, 0)
    assert said == one_step(expected) == one_step(envs)
    envs.close()
    expected.close()


# --------------------------------------------------------------------------------------------------- what goes wrong


def test_an_exception_in_a_thread_comes_out_as_it_is() -> None:
    crew = Crew(2)
    episodes = begin(lay_ground(EnvSettings(scenario="six_bus", cycles=2)), list(range(BATCH)), crew=crew)
    last = episodes.memory.pieces[-1]
    assert last.share == 1
    last.grids.state.row[-1] = len(episodes.world.table)
    with pytest.raises(ConfigError, match="A step would read row"):
        episodes.advance()
    crew.close()


def test_nobody_works_on_when_a_crew_raises() -> None:
    crew, done = Crew(2), []

    def stopped() -> None:
        raise KeyboardInterrupt

    def slow() -> None:
        time.sleep(0.2)
        done.append(1)

    with pytest.raises(KeyboardInterrupt):
        crew.run([stopped, slow])
    assert done == [1]
    crew.close()
