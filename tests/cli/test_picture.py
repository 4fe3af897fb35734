"""The picture of the live view is drawn by the code, the same every time, and loads nothing from outside."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.cli.frames import frame, receipt

from gridpilot.cli.view import Scene
from make_terminal_picture import busiest, frames, picture


def test_the_picture_is_the_same_every_time() -> None:
    drawn = [picture(busiest(frames("six-bus", "rules", 0, 4))) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert "six-bus" in drawn[0]
    assert "url(http" not in drawn[0]
    ElementTree.fromstring(drawn[0])


def test_the_busiest_moment_is_taken() -> None:
    quiet, acted = frame(branches=()), frame(receipts=(receipt(),), assessment="acted", branches=())
    trouble = frame(assessment="a branch is out")
    assert busiest(iter([quiet, acted, quiet])).frame is acted
    scene: Scene = busiest(iter([quiet, trouble, acted]))
    assert scene.frame is trouble
