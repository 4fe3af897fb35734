"""The live view of a run: one screen per cycle, drawn from `Frame`s and as large as the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.style import Style
from rich.table import Table
from rich.text import Text

from gridpilot.cli.bands import Band, loading_band, voltage_band
from gridpilot.cli.canvas import draw_grid
from gridpilot.cli.frame import BranchNow, Frame
from gridpilot.values import REWARD_TERMS, Receipt

REFRESHES_PER_S = 8
KEPT = 20
"""Events and actions that are remembered; as many as fit are shown."""
BAR_WIDTH = 24
WIDE = 100
"""Columns from which nothing is abbreviated."""
_SHORT = {"congestion": "cong", "voltage": "volt", "curtailment": "curt", "imbalance": "imbal", "emissions": "CO2", "reliability": "reliab"}
_DIM, _BOLD = Style(dim=True), Style(bold=True)
_OUTCOME = {"applied": Band.HEALTHY, "clipped": Band.WARNING, "refused": Band.VIOLATION}
_RISK = {"LOW": Band.HEALTHY, "MEDIUM": Band.WARNING, "HIGH": Band.VIOLATION, "CRITICAL": Band.VIOLATION}
_WORST_FIRST = (Band.VIOLATION, Band.WARNING, Band.HEALTHY)


class LiveView:
    """A terminal that shows every frame it is given, at most eight times a second."""

    def __init__(self, console: Console, cycles: int) -> None:
        self._scene = Scene()
        self._bar = progress_bar(console)
        self._task: TaskID = self._bar.add_task("cycle", total=cycles)
        self._console = console
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=REFRESHES_PER_S)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def show(self, frame: Frame) -> None:
        """Take the next cycle."""
        self._scene = self._scene.plus(frame)
        self._bar.update(self._task, completed=frame.cycle)

    def _render(self) -> RenderableType:
        width, height = self._console.size
        # The last line stays free: a screen that fills the terminal scrolls.
        return Group(draw(self._scene, width, height - 2), self._bar)


@dataclass(frozen=True)
class Scene:
    """The frame now, and what was said before."""

    frame: Frame | None = None
    happenings: tuple[Text, ...] = ()
    """What goes on for several cycles is said once."""
    orders: tuple[Text, ...] = ()

    def plus(self, frame: Frame) -> Scene:
        """The scene after the next frame."""
        before = self.frame.events if self.frame is not None else {}
        begun = [happening(frame, said) for key, said in frame.events.items() if key not in before]
        return replace(
            self,
            frame=frame,
            happenings=(*self.happenings, *begun)[-KEPT:],
            orders=(*self.orders, *(order(frame, receipt) for receipt in frame.receipts))[-KEPT:],
        )


def progress_bar(console: Console) -> Progress:
    """Cycles done and the time left."""
    return Progress(
        TextColumn(" {task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console, expand=True,
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------- the screen


class Room(NamedTuple):
    """Lines and columns of the parts, so that the whole is never larger than the terminal."""

    left: int
    """Columns of the panel with the grid."""
    middle: int
    """Lines of the grid, and of decision and actions together."""
    decision: int
    events: int
    """Lines of the panel, with its borders."""
    canvas: int
    """Lines of the drawn grid; 0 where there is no room for it."""


HEADLINE, TERMS = 3, 3
_CANVAS_WIDTH, _CANVAS_HEIGHT = 60, 13


def room(width: int, height: int) -> Room:
    """How a terminal is divided: the grid is drawn from 15 lines up, the rest goes to bars and events."""
    events = min(max((height - 18) // 3, 3), 8)
    middle = max(height - HEADLINE - TERMS - events, 6)
    left = min(_CANVAS_WIDTH + 4, width * 3 // 5)
    fits = middle >= _CANVAS_HEIGHT + 2 + 3 and left >= 58
    return Room(left, middle, min(max(middle // 3, 4), 8), events, _CANVAS_HEIGHT if fits else 0)


def draw(scene: Scene, width: int, height: int) -> RenderableType:
    """Everything but the progress bar, in at most this many columns and lines."""
    frame, parts = scene.frame, room(width, height)
    if frame is None:
        return Text("The first cycle is under way …", _DIM)
    right = width - parts.left
    middle = Table.grid(padding=0)
    middle.add_column(width=parts.left)
    middle.add_column(width=right)
    middle.add_row(
        _grid(frame, parts),
        Group(_decision(frame, parts.decision), _log("Actions and their receipts", scene.orders, parts.middle - parts.decision)),
    )
    return Group(headline(frame, width), middle, _terms(frame, width), _log("Events", scene.happenings, parts.events))


def headline(frame: Frame, width: int = WIDE) -> Panel:
    """The line that says how the grid is."""
    load = loading_band(frame.max_loading)
    volt = min((voltage_band(frame.min_v_pu), voltage_band(frame.max_v_pu)), key=_WORST_FIRST.index)
    parts = [
        (frame.clock if width >= WIDE else frame.clock[5:], _BOLD),
        (f"max {'line ' if width >= WIDE else ''}{frame.max_loading:.0%}{load.mark}".rstrip(), Style(color=load.colour)),
        (f"V {frame.min_v_pu:.3f}–{frame.max_v_pu:.3f}{volt.mark}".rstrip(), Style(color=volt.colour)),
        (f"{frame.violations} viol", _alarm(frame.violations > 0, Band.VIOLATION)),
        (f"curt {frame.curtailed_mw:.0f} MW", _alarm(frame.curtailed_mw >= 0.5, Band.WARNING)),
        (f"reward {frame.totals.reward:.1f}", _BOLD),
        (f"unserved {frame.unserved_mw:.0f} MW", _alarm(frame.unserved_mw >= 0.5, Band.VIOLATION)),
    ]
    line = Text(no_wrap=True, overflow="ellipsis")
    for k, (text, style) in enumerate(parts):
        line.append(" │ " if k else "", _DIM).append(text, style)
    return Panel(line, title=Text(f"gridpilot · {frame.scenario} · {frame.agent}"), title_align="left", border_style=_DIM)


def order(frame: Frame, receipt: Receipt) -> Text:
    """An action and what became of it, as one line."""
    asked = f" {_amount(receipt.requested)}" if receipt.requested is not None else ""
    line = Text(f"{frame.clock[11:]} {receipt.type} {receipt.target}{asked} ", no_wrap=True, overflow="ellipsis")
    given = f"clipped to {_amount(receipt.applied)}" if receipt.outcome == "clipped" else receipt.outcome
    line.append(given, Style(color=_OUTCOME.get(receipt.outcome, Band.LIGHT).colour))
    return line.append(f": {receipt.why}" if receipt.why else "", _DIM)


def happening(frame: Frame, said: str) -> Text:
    """An event as one line."""
    band = Band.HEALTHY if "back to normal" in said else Band.WARNING
    return Text(f"{frame.clock[11:]} {said}", Style(color=band.colour), no_wrap=True, overflow="ellipsis")


# ---------------------------------------------------------------------------------------------------- its parts


def _alarm(on: bool, band: Band) -> Style:
    return Style(color=(band if on else Band.HEALTHY).colour)


def _amount(value: float | str | None) -> str:
    return f"{value:.1f} MW" if isinstance(value, float | int) else str(value)


def _panel(title: str, content: RenderableType, height: int) -> Panel:
    return Panel(content, title=title, title_align="left", border_style=_DIM, height=height)


def _grid(frame: Frame, parts: Room) -> Panel:
    lines: list[RenderableType] = []
    drawn = draw_grid(frame.buses, frame.branches, parts.left - 4, parts.canvas) if parts.canvas else None
    if drawn is not None:
        lines.append(drawn)
    free = parts.middle - 2 - (parts.canvas if drawn is not None else 0)
    lines += [_bar(branch, min(parts.left - 26, BAR_WIDTH)) for branch in sorted(frame.branches, key=lambda branch: -branch.loading)[:free]]
    return _panel("Grid", Group(*lines), parts.middle)


def _bar(branch: BranchNow, width: int) -> Text:
    band = loading_band(branch.loading)
    line = Text(f"{branch.name[:12]:<12} ", no_wrap=True, overflow="crop")
    if branch.out:
        alarm = Band.LIGHT if branch.out == "open" else Band.VIOLATION
        return line.append(f"{'╌' * width} {branch.out}", Style(color=alarm.colour))
    full = min(round(branch.loading * width), width)
    line.append("█" * full, Style(color=band.colour)).append("░" * (width - full), _DIM)
    return line.append(f" {branch.loading:4.0%}{band.mark}", Style(color=band.colour))


def _decision(frame: Frame, height: int) -> Panel:
    said = Text()
    said.append(frame.risk_level, Style(color=_RISK.get(frame.risk_level, Band.LIGHT).colour, bold=True))
    said.append("  " if frame.latency_ms is None else f" in {frame.latency_ms:.0f} ms  ", _DIM)
    if frame.verdict != "approved" or frame.why:
        said.append(frame.verdict, Style(color=Band.WARNING.colour)).append(f": {frame.why}  " if frame.why else "  ")
    for warning in filter(None, (frame.stand_in, *frame.wrong_claims)):
        said.append(f"{warning}  ", Style(color=Band.WARNING.colour))
    return _panel("Decision", said.append(frame.assessment), height)


def _log(title: str, lines: Sequence[Text], height: int) -> Panel:
    shown: Iterable[RenderableType] = lines[-(height - 2) :] or [Text("none yet", _DIM)]
    return _panel(title, Group(*shown), height)


def _terms(frame: Frame, width: int) -> Table:
    drawn = Table(box=None, expand=True, header_style=_DIM, pad_edge=False)
    drawn.add_column("reward", no_wrap=True, style=_DIM)
    for name in (*REWARD_TERMS, "sum"):
        drawn.add_column(name if width >= WIDE else _SHORT.get(name, name), justify="right", no_wrap=True)
    drawn.add_row("now", *(_score(frame.terms.get(name, 0.0)) for name in REWARD_TERMS), _score(frame.reward))
    drawn.add_row("so far", *(_score(frame.totals.terms.get(name, 0.0)) for name in REWARD_TERMS), _score(frame.totals.reward))
    return drawn


def _score(value: float) -> Text:
    return Text(f"{value + 0.0:.2f}", _DIM if value > -0.005 else Style())
