"""Mode `review` in a plain terminal: a proposal, what it would lead to, and the operator's answer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gridpilot.cli.bands import Band, loading_band, voltage_band
from gridpilot.cli.edits import change, said
from gridpilot.cli.lines import Lines, StandardInput
from gridpilot.errors import ActionError, VerdictError
from gridpilot.operations.desk import APPROVED, HELD, MODIFIED, REJECTED, Proposal, Ruling
from gridpilot.shield import ShieldResult
from gridpilot.values import Action, Candidate

ASKED = "[a]pprove  [r]eject REASON  [m]odify EDIT  [w]hat-if EDIT  [u]ndo  [h]old  [q]uit  [?]"
HELP = """\
a               apply the orders above
r REASON        turn the proposal down; the reason is kept with it
m 1 120         change the value of order 1          m drop 1        take order 1 out
m + STORAGE BESS-SUBURB -20    add an order          u               back to the orders as proposed
w …             the same edits, to look at what they lead to without taking them over
h               hold: nothing is changed in this cycle
q               end the run; what was done is kept"""


class TerminalOperator:
    """The person at the terminal: a `gridpilot.operations.desk.Operator`."""

    def __init__(self, name: str, *, to_stderr: bool = False, lines: Lines | None = None, console: Console | None = None) -> None:
        self.name = name
        self._lines = StandardInput() if lines is None else lines
        self._console = Console(stderr=to_stderr, highlight=False) if console is None else console
        self._edited: tuple[Action, ...] | None = None

    def ask(self, proposal: Proposal, patience_s: float, wrong: VerdictError | None) -> Ruling | None:
        """Show the proposal, or what is `wrong` with the answer to it, and read until there is a ruling; None at the deadline.

        Raises `KeyboardInterrupt` where the person quits, or nobody is there to answer.
        """
        due_s = time.monotonic() + patience_s
        if wrong is None:
            self._edited = None
            self._lines.forget()
            self._show(proposal)
        else:
            self._console.print(Text(str(wrong), Band.VIOLATION.colour))
        self._console.print(Text(_within(patience_s) + ASKED, "dim"))
        while True:
            try:
                typed = self._lines.next(due_s - time.monotonic())
            except TimeoutError:
                self._console.print(Text("No answer in time: everything is held as it is.", Band.WARNING.colour))
                return None
            except EOFError:
                self._console.print(Text("The input has ended: nobody is there to review.", Band.WARNING.colour))
                raise KeyboardInterrupt from None
            ruling = self._read(proposal, typed.strip())
            if ruling is not None:
                return ruling

    def _read(self, proposal: Proposal, typed: str) -> Ruling | None:
        """The ruling that a line is, if it is one; else what it asks for is done."""
        key, _, rest = typed.partition(" ")
        rest = rest.strip()
        match key.lower():
            case "a" | "approve":
                return self._approval(proposal)
            case "r" | "reject":
                return Ruling(REJECTED, proposal.seq, self.name, rest)
            case "h" | "hold":
                return Ruling(HELD, proposal.seq, self.name, rest)
            case "q" | "quit":
                raise KeyboardInterrupt
            case "m" | "modify":
                self._look(proposal, rest, keep=True)
            case "w" | "what-if":
                self._look(proposal, rest, keep=False)
            case "u" | "undo":
                self._edited = None
                self._show(proposal)
            case _:
                self._console.print(Text(HELP))
        return None

    def _approval(self, proposal: Proposal) -> Ruling:
        if self._edited is None:
            return Ruling(APPROVED, proposal.seq, self.name)
        return Ruling(MODIFIED, proposal.seq, self.name, actions=self._edited)

    def _look(self, proposal: Proposal, edit: str, keep: bool) -> None:
        try:
            actions = change(self._orders(proposal), edit)
        except ActionError as error:
            self._console.print(Text(str(error), Band.VIOLATION.colour))
            return
        if keep:
            self._edited = actions
        result = proposal.what_if(actions)
        self._orders_of(actions, result)
        self._console.print(comparison(proposal, result, "modified" if keep else "what if"))

    def _orders(self, proposal: Proposal) -> tuple[Action, ...]:
        return proposal.result.decision.actions if self._edited is None else self._edited

    def _show(self, proposal: Proposal) -> None:
        decision, result = proposal.result.decision, proposal.result
        title = (
            f"Proposal {proposal.seq} · {proposal.view.time.replace('T', ' ')[:16]} · {decision.agent or 'agent'} · {decision.risk_level}"
        )
        self._console.rule(Text(title, "bold"), align="left")
        self._console.print(Text(decision.assessment))
        self._orders_of(decision.actions, result)
        self._console.print(comparison(proposal, result, "proposed"))

    def _orders_of(self, actions: Sequence[Action], result: ShieldResult) -> None:
        for k, action in enumerate(actions, start=1):
            line = Text(f"  {k} {said(action)}")
            receipt = result.receipts[k - 1] if len(result.receipts) == len(actions) else None
            if receipt is not None and receipt.outcome != "applied":
                line.append(f"  {receipt.outcome}: {receipt.why}", Band.WARNING.colour)
            elif action.reason:
                line.append(f"  {action.reason}", "dim")
            self._console.print(line)
        if result.refused:
            self._console.print(Text(f"  The shield refuses this: {result.why}", Band.VIOLATION.colour))


def comparison(proposal: Proposal, result: ShieldResult, label: str) -> Table:
    """Now, by doing nothing, and with the orders, side by side."""
    preview, summary = result.preview, proposal.view.summary
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for head in ("now", "nothing", label):
        table.add_column(head, justify="right")
    now = {"loading": summary["max_loading"], "low": summary["min_v_pu"], "high": summary["max_v_pu"]}
    rows = [preview.nothing, preview.candidates[0]]
    table.add_row("  max line", _loading(now["loading"]), *(_loading(row.max_loading) for row in rows))
    table.add_row("  lowest V, pu", _voltage(now["low"]), *(_voltage(row.min_v_pu) for row in rows))
    table.add_row("  highest V, pu", _voltage(now["high"]), *(_voltage(row.max_v_pu) for row in rows))
    figures: tuple[tuple[str, Callable[[Candidate], str]], ...] = (
        ("  violation min", lambda row: f"{row.overload_min + row.voltage_min:.0f}"),
        ("  not served, MWh", lambda row: f"{row.unserved_mwh:.1f}"),
        ("  curtailed, MWh", lambda row: f"{row.curtailment_mwh:.1f}"),
        ("  reward", lambda row: f"{row.reward:.2f}" if row.survives else "collapse"),
    )
    for name, figure in figures:
        table.add_row(name, "", *map(figure, rows))
    return table


def _within(patience_s: float) -> str:
    return "" if math.isinf(patience_s) else f"within {patience_s:.0f} s: "


def _loading(value: float) -> Text:
    band = loading_band(value)
    return Text(f"{value:.0%}{band.mark}", band.colour)


def _voltage(value: float) -> Text:
    band = voltage_band(value)
    return Text(f"{value:.3f}{band.mark}", band.colour)
