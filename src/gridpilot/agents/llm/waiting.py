"""How long to wait before a server is asked again: what it says itself, else longer and longer with jitter.

Source of the jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

FIRST_S, LONGEST_S = 0.2, 5.0


def back_off_s(failures: int) -> float:
    """Seconds before the next attempt after so many failures, between half and all of a time that doubles."""
    return min(FIRST_S * 2.0 ** (failures - 1), LONGEST_S) * random.uniform(0.5, 1.0)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait: `retry-after-ms`, or `Retry-After` as a number or a date; None where it says nothing."""
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            wait_s = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if isfinite(wait_s):
            return max(wait_s, 0.0)
    try:
        until = parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max((until - datetime.now(UTC)).total_seconds(), 0.0)
