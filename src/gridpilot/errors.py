"""Everything gridpilot raises on purpose.

    GridpilotError
    ├── ConfigError          a setting is unknown, missing or out of range
    │   └── UnknownNameError a scenario, agent, profile, engine … nobody registered
    ├── DataError            a file or table is not what its format promises
    │   ├── CaseError        … a network description
    │   ├── ProfileError     … a time series
    │   ├── TraceError       … a trace: torn, altered, or of another schema
    │   └── DocumentError    … a text of the knowledge
    ├── ActionError          a decision that cannot be read as one
    ├── VerdictError         an operator's verdict that cannot be carried out
    │   └── StaleVerdictError … because it is on a state that has passed
    ├── PhysicsError         a model that no power flow can be asked of
    ├── MessageError         a message is refused: too large, forged, malformed, out of bounds or replayed
    ├── ModelError           a language model gave no answer that can be used
    ├── BrokerError          a message broker cannot be reached, or those behind it do not answer
    ├── EndpointError        a model's endpoint cannot be reached, refuses, or answers what was not asked
    └── MissingExtraError    an optional dependency is not installed

A message says what was found, what was expected and what to do next. Where an
input has several problems, all of them are in `problems`, and in the message.
A power flow which does not converge is not an error: it is a `Status`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class GridpilotError(Exception):
    """Base of every error that gridpilot raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input: where it is, and what it is."""

    where: str
    """Line, row and column, key, or component name."""
    what: str
    """What was found and what was expected, as one sentence."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ProblemsError(GridpilotError):
    """An error that carries every problem of an input, not only the first."""

    def __init__(self, summary: str, problems: Iterable[Problem] = (), *, hint: str = "") -> None:
        self.summary = summary
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.hint = hint
        lines = [summary, *(f"  - {problem}" for problem in self.problems)]
        if hint:
            lines.append(hint)
        super().__init__("\n".join(lines))


class ConfigError(ProblemsError):
    """A setting is unknown, missing or out of range."""


class UnknownNameError(ConfigError):
    """A name which nothing is registered under; the message lists the valid ones."""

    def __init__(self, kind: str, name: str, valid: Sequence[str]) -> None:
        self.kind, self.name, self.valid = kind, name, tuple(valid)
        near = get_close_matches(name, valid, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(valid) if valid else "none"
        super().__init__(f"There is no {kind} called {name!r}.{guess} Valid: {listed}.")


class DataError(ProblemsError):
    """A file or table is not what its format promises."""


class CaseError(DataError):
    """A network description which cannot be read, or contradicts itself."""


class ProfileError(DataError):
    """A time series with gaps, wrong resolution, wrong units or wrong columns."""


class TraceError(DataError):
    """A trace which was torn, altered, or written by another schema version."""


class DocumentError(DataError):
    """A document of the knowledge that cannot be read, or is not complete."""


class ActionError(ProblemsError):
    """A decision that cannot be read as one: not JSON, or not of the schema."""


class VerdictError(ProblemsError):
    """An operator's verdict that cannot be carried out; nothing was applied."""


class StaleVerdictError(VerdictError):
    """A verdict on a state that has passed."""


class PhysicsError(ProblemsError):
    """A model that no power flow can be asked of: no slack, zero impedance, wrong shape."""


class MessageError(GridpilotError):
    """A message is refused: too large, forged, malformed, out of bounds or replayed; `reason` names the check in one word."""

    def __init__(self, reason: str, sentence: str) -> None:
        self.reason = reason
        super().__init__(sentence)


class ModelError(GridpilotError):
    """A language model gave no answer that can be used; `outcome` is that of a `gridpilot.values.Attempt`."""

    def __init__(self, outcome: str, sentence: str) -> None:
        self.outcome = outcome
        super().__init__(sentence)


class BrokerError(GridpilotError):
    """A message broker cannot be reached, or those behind it do not answer in time."""


class EndpointError(GridpilotError):
    """A model's endpoint cannot be reached in time, refuses, or answers what was not asked for."""


class MissingExtraError(GridpilotError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{purpose} needs {package!r}, which is not installed. Install it with: pip install 'gridpilot[{extra}]'")
