"""Units and signs, said once.

Every quantity carries its unit in its name:

| suffix | unit | suffix | unit |
|---|---|---|---|
| `_mw` | megawatt | `_pu` | per unit of the base |
| `_mvar` | megavolt-ampere reactive | `_rad`, `_deg` | radian, degree |
| `_mva` | megavolt-ampere | `_kv`, `_ka` | kilovolt (line to line), kiloampere |
| `_mwh` | megawatt hour | `_h`, `_min`, `_s` | hour, minute, second |
| `_usd` | US dollar | `_t`, `_kg` | tonne, kilogram |

Signs inside the package:

* power **injected into the grid is positive**: a generator's `p_mw` is positive, a load's negative;
* storage **discharges positive**;
* branch flow is positive **into the branch** at that end, so that the losses are `p_from_mw + p_to_mw`;
* a shunt's `b_mvar` is positive when it is a capacitor, its `g_mw` when it consumes, both at 1 pu;
* a transformer's ratio sits at its from end: `v_from = tap · exp(j·shift) · v_internal` (MATPOWER's rule).

The JSON face of actions has the operator's signs, which differ in two places; the codec converts, once:

* `STORAGE.setpoint_mw` is positive when it **charges** (−30 discharges 30 MW);
* `LOAD_SHAPE.delta_mw` is a change of **consumption** (−15 sheds 15 MW).
"""

from __future__ import annotations

from typing import Final

MINUTES_PER_HOUR: Final = 60.0
HOURS_PER_DAY: Final = 24.0
