"""The folder of a run: `config.json`, `trace.jsonl`, `card.json`. No file in it is ever half written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from gridpilot.errors import ConfigError


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run keeps what it did."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def trace(self) -> Path:
        return self.path / "trace.jsonl"

    @property
    def card(self) -> Path:
        return self.path / "card.json"


def make_folder(out: str | Path, label: str) -> RunFolder:
    """A new folder below `out`, named by the time and a label; raises `ConfigError` where it cannot be made."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    try:
        for attempt in count(1):
            path = Path(out) / (f"{stamp}-{label}" if attempt == 1 else f"{stamp}-{label}-{attempt}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                if not Path(out).is_dir():
                    raise
            else:
                break
    except OSError as error:
        raise ConfigError(f"A folder for the run cannot be made in {out}: {error.strerror}. Choose another one with `out`.") from error
    return RunFolder(path)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a file whole or not at all: under another name first, then in its place."""
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, allow_nan=False, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
