"""The log keeps every finished record, whenever its writer dies, and has one writer only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.traces.samples import header, record

from gridpilot.errors import TraceError
from gridpilot.traces import create_log, read_trace, resume_log

ROOT = Path(__file__).resolve().parents[2]

ENDLESS = """
import sys
from gridpilot.traces import create_log
from tests.traces.samples import header, record
with create_log(sys.argv[1], header()) as log:
    for number in range(1, 1_000_000):
        log.append(record(number))
        print(number, flush=True)
"""
"""A writer that says which records it has finished."""


def test_what_is_appended_comes_back(trace: Path) -> None:
    read = read_trace(trace)
    assert read.header == header()
    assert read.records == tuple(record(number) for number in range(1, 5))
    assert read.torn_bytes == 0


def test_every_cut_of_the_last_two_lines_loses_only_what_was_cut(trace: Path) -> None:
    whole = trace.read_bytes()
    ends = [k + 1 for k, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(ends[2], len(whole) + 1):
        trace.write_bytes(whole[:length])
        finished = [end for end in ends if end <= length]
        with resume_log(trace) as log:
            assert log.cut_bytes == length - finished[-1]
            assert log.records == len(finished) - 1
            log.append(record(len(finished)))
        read = read_trace(trace)
        assert [r.number for r in read.records] == list(range(1, len(finished) + 1))
        assert read.torn_bytes == 0


def test_a_reader_tells_a_torn_line_and_leaves_the_file_alone(trace: Path) -> None:
    whole = trace.read_bytes()
    trace.write_bytes(whole[:-10])
    read = read_trace(trace)
    assert len(read.records) == 3
    assert read.torn_bytes == len(trace.read_bytes()) - whole.rstrip(b"\n").rfind(b"\n") - 1
    assert trace.read_bytes() == whole[:-10]


@pytest.mark.parametrize("moment", [0.0, 0.003, 0.011, 0.037, 0.1])
def test_a_killed_writer_loses_nothing_it_had_finished(tmp_path: Path, moment: float) -> None:
    path = tmp_path / "trace.jsonl"
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(moment)
        writer.send_signal(signal.SIGKILL)
        finished = [int(line) for line in [first, *writer.stdout] if line.endswith("\n")]
    with resume_log(path) as log:
        # Between the write and the print one more may have been finished.
        assert log.records - finished[-1] in (0, 1)
        log.append(record(log.records + 1))
        records = log.records
    assert [r.number for r in read_trace(path).records] == list(range(1, records + 1))


def test_a_second_writer_is_refused_until_the_first_has_closed(trace: Path) -> None:
    before = trace.read_bytes()
    with resume_log(trace), pytest.raises(TraceError, match="another run"):
        resume_log(trace)
    assert trace.read_bytes() == before
    with resume_log(trace) as log:
        log.append(record(5))
    assert len(read_trace(trace).records) == 5


def test_a_second_process_is_refused_and_a_dead_one_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(TraceError, match="another run"):
            resume_log(path)
        writer.kill()
    resume_log(path).close()


def test_a_trace_is_never_begun_over_another(trace: Path) -> None:
    before = trace.read_bytes()
    with pytest.raises(TraceError, match="choose another folder"):
        create_log(trace, header())
    assert trace.read_bytes() == before


def test_a_header_that_was_never_finished_counts_as_nothing(trace: Path) -> None:
    trace.write_bytes(trace.read_bytes()[:50])
    with pytest.raises(TraceError, match="nothing was recorded"):
        resume_log(trace)
    with pytest.raises(TraceError, match="nothing was recorded"):
        read_trace(trace)
    with create_log(trace, header()) as log:
        assert log.cut_bytes == 50
    assert read_trace(trace).records == ()


def test_a_full_disk_leaves_whole_records(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def half_then_full(descriptor: int, data: bytes) -> int:
        if len(data) > 500:
            return write(descriptor, data[:500])
        raise OSError(28, "No space left on device")

    before = trace.read_bytes()
    with resume_log(trace) as log:
        monkeypatch.setattr(os, "write", half_then_full)
        with pytest.raises(TraceError, match="No space left"):
            log.append(record(5))
        monkeypatch.undo()
        assert trace.read_bytes() == before
        log.append(record(5))
    assert [r.number for r in read_trace(trace).records] == [1, 2, 3, 4, 5]


def test_an_interrupted_write_is_cut_off_on_closing(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def interrupted(descriptor: int, data: bytes) -> int:
        write(descriptor, data[:100])
        raise KeyboardInterrupt

    before = trace.read_bytes()
    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt), resume_log(trace) as log:
        log.append(record(5))
    assert trace.read_bytes() == before


def test_a_closed_log_takes_nothing_more(trace: Path) -> None:
    log = resume_log(trace)
    log.close()
    with pytest.raises(TraceError, match="is closed"):
        log.append(record(5))


def test_durable_waits_for_the_disk(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with resume_log(trace) as log:
        log.append(record(5))
    assert not synced
    with resume_log(trace, durable=True) as log:
        log.append(record(6))
    assert len(synced) == 1


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="No such file"):
        create_log(tmp_path / "absent" / "trace.jsonl", header())
    with pytest.raises(TraceError, match="No such file"):
        resume_log(tmp_path / "trace.jsonl")
    with pytest.raises(TraceError, match="No such file"):
        read_trace(tmp_path / "trace.jsonl")
