"""Make the real data that ships with gridpilot from the PyPI package `simbench`.

    pip install 'gridpilot[data]' && python scripts/make_embedded_profiles.py

Writes `src/gridpilot/profiles/data/simbench_2016_15min.npz` and the `NOTICE.md` beside it.
"""

from __future__ import annotations

import io
import os
from importlib.metadata import version
from pathlib import Path

import numpy as np

from gridpilot.profiles.embedded import FILE, LEVELS, Packed, pack, unpack
from gridpilot.profiles.profiles import Profiles
from gridpilot.profiles.simbench import LICENCE, load_simbench

FOLDER = Path(__file__).resolve().parents[1] / "src" / "gridpilot" / "profiles" / "data"
MAX_BYTES = 2_000_000

LOADS = {
    "households": ("H0-A", "H0-C", "H0-G", "H0-L", "H0-H"),
    "commerce": ("G0-A", "G0-M", "G1-A", "G4-M"),
    "industry and continuous business": ("G3-H", "G3-M", "BL-H"),
    "farms": ("L2-M",),
    "whole medium-voltage areas": ("mv_urban", "mv_semiurb", "mv_rural", "mv_comm"),
}
SOLAR = tuple(f"PV{i}" for i in range(1, 9))
# All sites but WP1, which stands still more than any other.
WIND = tuple(f"WP{i}" for i in range(2, 13))

NOTICE = """# Notice: SimBench profiles

`{file}` contains information from the **SimBench** database, which is made available here under the
[Open Database License (ODbL) 1.0](https://opendatacommons.org/licenses/odbl/1-0/). Any rights in individual contents of
the database are licensed under the [Database Contents License (DbCL) 1.0](https://opendatacommons.org/licenses/dbcl/1-0/).

SimBench: copyright (c) 2019-2026 by University of Kassel, TU Dortmund, RWTH Aachen University and Fraunhofer Institute
for Energy Economics and Energy System Technology (IEE) Kassel and individual contributors. <https://simbench.net>

Cite: S. Meinecke et al., "SimBench – A Benchmark Dataset of Electric Power Systems to Compare Innovative Solutions Based on
Power Flow Analysis", Energies 13 (12), 3290, 2020.

This file is a **derivative database** under the same ODbL 1.0: who shares it, or a database made from it, keeps this
notice and the licence. The licence of gridpilot's code does not apply to it, nor the ODbL to the code.

## What was changed

- Made by `python scripts/make_embedded_profiles.py` from the PyPI package `simbench` {version}, scenario 0 ("today").
- {n_columns} of its columns: loads ({loads}), each with active (`_p_pu`) and reactive power (`_q_pu`);
  PV plants {solar}; wind plants {wind}.
- {n_rows} rows, 2016 at 15 min, Central European Time without daylight saving. Values are relative to the nominal power of the unit.
- Wind values a little below 0 are 0.
- Quantised to {levels} steps per column: the largest error of any value is {error:.1e} of nominal power.
"""


def main() -> None:
    """Pack the chosen columns, check the file against what went in, and write it with its notice."""
    profiles = load_simbench(columns())
    held = io.BytesIO()
    clock = str(profiles.start)
    pack(Packed(clock, profiles.step_min, profiles.columns, profiles.values, profiles.source, LICENCE), held)
    size = held.tell()
    if size > MAX_BYTES:
        raise SystemExit(f"The file would have {size} bytes; at most {MAX_BYTES} are shipped. Choose fewer columns.")
    held.seek(0)
    error = float(np.abs(unpack(held).values - profiles.values).max())
    write(FOLDER / FILE, held.getvalue())
    write(FOLDER / "NOTICE.md", notice(profiles, error).encode())
    print(f"{FILE}: {size} bytes, {len(profiles.columns)} columns, largest error {error:.1e} of nominal power")


def columns() -> list[str]:
    """Names of the columns that ship."""
    loads = [f"load_{profile}_{quantity}_pu" for group in LOADS.values() for profile in group for quantity in "pq"]
    return [*loads, *(f"solar_{plant}_pu" for plant in SOLAR), *(f"wind_{plant}_pu" for plant in WIND)]


def notice(profiles: Profiles, error: float) -> str:
    """The text that must go with the data."""
    return NOTICE.format(
        file=FILE,
        version=version("simbench"),
        n_columns=len(profiles.columns),
        n_rows=len(profiles),
        loads="; ".join(f"{group}: {', '.join(names)}" for group, names in LOADS.items()),
        solar=", ".join(SOLAR),
        wind=", ".join(WIND),
        levels=LEVELS,
        error=error,
    )


def write(path: Path, content: bytes) -> None:
    """Replace a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(content)
    os.replace(part, path)


if __name__ == "__main__":
    main()
