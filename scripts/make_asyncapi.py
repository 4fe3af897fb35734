"""Write `docs/asyncapi.json` from the structs of `gridpilot.messages.envelope`.

    .venv/bin/python scripts/make_asyncapi.py

`tests/messages/test_asyncapi.py` fails where the committed document differs from what this script would write.
"""

from __future__ import annotations

import json
from pathlib import Path

from gridpilot.messages.asyncapi import asyncapi

TARGET = Path(__file__).resolve().parents[1] / "docs" / "asyncapi.json"


def text() -> str:
    """The document as it is committed."""
    return json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
