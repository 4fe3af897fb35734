"""stand-in"""
from typing import Any
def rescue_rows(network: Any, settings: Any, inputs: Any, out: Any) -> None:
    out.rescued[:] = False
