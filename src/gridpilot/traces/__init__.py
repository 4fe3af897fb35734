"""Traces: what every cycle saw, decided and did, in an append-only log which can be verified and run again."""

from gridpilot.traces.fingerprint import Fingerprint, fingerprint, state_hash
from gridpilot.traces.log import TraceLog, create_log, resume_log
from gridpilot.traces.reader import Trace, iterate_records, read_header, read_trace
from gridpilot.traces.record import SCHEMA, Header, Moved, Record, versions
from gridpilot.traces.replay import Mismatch, ReplayReport, replay, twin_of

__all__ = [
    "SCHEMA", "Fingerprint", "Header", "Mismatch", "Moved", "Record", "ReplayReport", "Trace", "TraceLog", "create_log",
    "fingerprint", "iterate_records", "read_header", "read_trace", "replay", "resume_log", "state_hash", "twin_of", "versions",
]  # fmt: skip
