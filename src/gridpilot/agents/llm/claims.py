"""What an assessment says of the grid, compared with the view: loadings, voltages, and whether it is safe.

Only what stands beside a component's name and speaks of now is taken as a claim: `LN45 is at 101 %`, `B4 at 0.948 pu`, `largest
loading 97 %`. A number with d decimals may be off by half of the last one; after `about`, by five of its last digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gridpilot.agents.reading import number
from gridpilot.values import Decision, View

SAFE_RISK = "LOW"
_ROUGHLY = r"about|around|roughly|approximately|nearly|some|circa|ca\.|~|≈"
_LINK = rf"(?:\s|[:=(,]|\b(?:is|are|at|of|now|currently|loaded|loading|load|carries|stands|has|shows|a|the|its|voltage|with)\b|{_ROUGHLY})"
_VALUE = r"(?P<value>\d+(?:\.\d+)?)"
_LOADING = rf"{_VALUE}\s*(?:%|percent\b|per\s?cent\b)"
_VOLTAGE = rf"{_VALUE}\s*(?:p\.?u\.?\b|pu\b|p\.u\.)"
_EDGE = r"(?<![\w.-]){}(?![\w-]|\.\w)"
_LARGEST = r"\b(?:max(?:imum)?|largest|highest|worst)\s+(?:line\s+|branch\s+)?loading\b"
_LOWEST_V, _HIGHEST_V = r"\b(?:min(?:imum)?|lowest)\s+voltage\b", r"\b(?:max(?:imum)?|highest)\s+voltage\b"
_LINKS = rf"{_LINK}{{0,12}}?"
_SAFE = (
    r"(?:all|every)\s+(?:\w+\s+){0,5}(?:within|inside|below|under)\s+(?:\w+\s+){0,2}(?:limits?|ratings?|bands?)",
    r"\b(?:everything|grid|system|network)\s+(?:is\s+)?(?:\w+\s+)?(?:within\s+(?:\w+\s+){0,2}limits|safe|secure|normal|healthy|fine)\b",
    r"\bno\s+(?:limit\s+|limits?\s+is\s+|active\s+|current\s+)?(?:violations?|violated|overloads?|limits?\s+violated)\b",
    r"\bno\s+(?:line|branch|bus|lines|branches)\s+(?:is|are)\s+(?:overloaded|violated|outside)",
)
_NEGATED = re.compile(
    r"\b(?:not|n't|isn't|aren't|neither|hardly|without|if|until|once|so that|bring|keeps?|to)\s+(?:\w+\s+){0,3}$", re.IGNORECASE
)


class Checked(NamedTuple):
    """What came of comparing an assessment with the view."""

    wrong: tuple[str, ...]
    """Sentences on what is not so."""
    false_safe: bool
    """Whether the grid is called safe while a limit is violated."""


def check_claims(decision: Decision, view: View) -> Checked:
    """The claims of a decision that the view contradicts."""
    text = decision.assessment
    wrong = [*_loadings(text, view), *_voltages(text, view), *_extremes(text, view)]
    violated = violations(view)
    said = _called_safe(text)
    if violated and said:
        wrong.append(f"says {said!r}, and {violated[0]}")
    return Checked(tuple(dict.fromkeys(wrong)), bool(violated) and (bool(said) or decision.risk_level == SAFE_RISK))


def violations(view: View) -> tuple[str, ...]:
    """Limits that are violated now, as sentences, the worst first."""
    hot = sorted((branch for branch in view.branches.values() if number(branch, "loading") > 1.0), key=lambda b: -number(b, "loading"))
    found = [f"{branch.name} is at {100 * number(branch, 'loading'):.1f} %" for branch in hot]
    found += [f"{branch.name} is open by protection" for branch in view.branches.values() if branch.values["tripped"]]
    for bus in view.buses.values():
        v, low, high = (number(bus, key) for key in ("v_pu", "v_min_pu", "v_max_pu"))
        if bus.values["built"] and not bus.values["energised"]:
            found.append(f"{bus.name} has no supply")
        elif bus.values["built"] and not low <= v <= high:
            found.append(f"{bus.name} is at {v:.3f} pu, outside {low:g} … {high:g}")
    return tuple(found)


# ------------------------------------------------------------------------------------------------------ numbers


def _loadings(text: str, view: View) -> Iterator[str]:
    for branch in view.branches.values():
        truth = 100.0 * number(branch, "loading")
        for claim in _beside(text, branch.name, _LOADING):
            if not claim.agrees(truth):
                yield f"says {branch.name} is at {claim.value} %, and it is at {truth:.1f} %"


def _voltages(text: str, view: View) -> Iterator[str]:
    for bus in view.buses.values():
        truth = number(bus, "v_pu")
        for claim in _beside(text, bus.name, _VOLTAGE):
            if not claim.agrees(truth):
                yield f"says {bus.name} is at {claim.value} pu, and it is at {truth:.4f} pu"


def _extremes(text: str, view: View) -> Iterator[str]:
    summary = view.summary
    asked: Sequence[tuple[str, str, str, float, str]] = (
        (_LARGEST, _LOADING, "max_loading", 100.0, "the largest loading is {} %, and it is {:.1f} %"),
        (_LOWEST_V, _VOLTAGE, "min_v_pu", 1.0, "the lowest voltage is {} pu, and it is {:.4f} pu"),
        (_HIGHEST_V, _VOLTAGE, "max_v_pu", 1.0, "the highest voltage is {} pu, and it is {:.4f} pu"),
    )
    for lead, value, key, scale, sentence in asked:
        for found in re.finditer(rf"{lead}(?P<links>{_LINKS}){value}", text, re.IGNORECASE):
            claim = _claim(found)
            if key in summary and not claim.agrees(scale * summary[key]):
                yield f"says {sentence.format(claim.value, scale * summary[key])}"


class _Claim(NamedTuple):
    value: str
    rough: bool

    def agrees(self, truth: float) -> bool:
        """Whether the value is the truth, but for its rounding."""
        decimals = len(self.value.partition(".")[2])
        return abs(float(self.value) - truth) <= (5.0 if self.rough else 0.5) * 10.0**-decimals + 1e-9


def _beside(text: str, name: str, value: str) -> Iterator[_Claim]:
    """Claims `NAME is at VALUE` and `VALUE on NAME`."""
    own = _EDGE.format(re.escape(name))
    for found in re.finditer(rf"{own}(?P<links>{_LINKS}){value}", text, re.IGNORECASE):
        yield _claim(found)
    for found in re.finditer(rf"(?P<links>(?:\b\w+\s+)?){value}\s+(?:on|at|in)\s+(?:line\s+|branch\s+|bus\s+)?{own}", text, re.IGNORECASE):
        if not re.search(r"\b(?:to|below|under|above|over|exceeds?|than|reach|by)\b", found["links"], re.IGNORECASE):
            yield _claim(found)


def _claim(found: re.Match[str]) -> _Claim:
    return _Claim(found["value"], bool(re.search(_ROUGHLY, found["links"], re.IGNORECASE)))


# --------------------------------------------------------------------------------------------------------- safe


def _called_safe(text: str) -> str:
    """The words in which a text calls the grid safe; empty where it does not."""
    for pattern in _SAFE:
        for found in re.finditer(pattern, text, re.IGNORECASE):
            before = re.split(r"[.;!?]", text[: found.start()])[-1]
            if not _NEGATED.search(before):
                return found[0]
    return ""
