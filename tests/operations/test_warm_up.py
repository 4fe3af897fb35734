"""After a warm-up nothing is compiled any more."""

from __future__ import annotations

import subprocess
import sys

from gridpilot.operations.warm_up import PARTS

PROGRAM = """
import sys
import numpy as np
from numba.core.dispatcher import Dispatcher
from gridpilot.operations.warm_up import warm_up

def compiled():
    kernels = [
        value for name, module in list(sys.modules.items()) if name.startswith("gridpilot.")
        for value in list(vars(module).values()) if isinstance(value, Dispatcher)
    ]
    return {f"{kernel.py_func.__module__}.{kernel.py_func.__name__}": len(kernel.overloads) for kernel in kernels}

assert not any(compiled().values())
told = []
seconds = warm_up(told.append)
assert list(seconds) == told and all(taken > 0.0 for taken in seconds.values()), seconds
warm = compiled()
assert warm["gridpilot.powerflow.holding._solve_wide"] > 0 and warm["gridpilot.powerflow.summary.summarise"] > 0

import gridpilot
from gridpilot.evaluation import evaluate
envs = gridpilot.make_vec("ieee14", 3)
envs.reset(seed=5)
draw = np.random.default_rng(5)
for _ in range(12):
    envs.step(draw.uniform(-1, 1, envs.action_space.shape).astype(np.float32))
evaluate("six_bus", ["planner"], episodes=1, cycles=4)
print(*told)
print(*sorted(name for name, count in compiled().items() if count > warm.get(name, 0)))
"""


def test_a_run_after_the_warm_up_compiles_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told, left = done.stdout.split("\n")[:2]
    assert told.split() == list(PARTS)
    assert left == ""
