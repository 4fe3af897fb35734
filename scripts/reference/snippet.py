"""A file of the repository as a code block."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def snippet(path: str) -> str:
    """The whole file, under the last folder and name of its path."""
    source = ROOT / path
    return f'```python title="{source.parent.name}/{source.name}"\n{source.read_text(encoding="utf-8").strip()}\n```'
