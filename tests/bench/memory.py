"""Row without a rival: memory against the number of cells, which must not grow.

`python -m tests.bench.memory CELLS`: run so many cells of a grid, d = 64, 8 seeds, 20 steps;
print the process's peak resident memory and that before the grid, in MB."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from sim import Quadratic
from sim.trajectory import run_grid


def peak_mb() -> float:
    """Of this program alone: `ru_maxrss` would count what its parent held when it was forked."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def main(cells: int) -> dict[str, float]:
    d, rates = 64, 50
    root = np.random.default_rng(0).normal(size=(d, d)) / 8
    problem = Quadratic(
        jnp.asarray(root @ root.T, jnp.float32), jnp.ones(d, jnp.float32), jnp.ones(d, jnp.float32)
    )
    before = peak_mb()
    run_grid(
        "sign", problem, batches=np.geomspace(1, 1e6, max(cells // rates, 1)).tolist(),
        lrs=np.geomspace(1e-3, 1e-1, rates).tolist(), steps=[20], seeds=8, groups=2,
        key=jax.random.key(0),
    )  # fmt: skip
    return {"peak_mb": peak_mb(), "before_mb": before}


def memory_by_cells(cells: tuple[int, ...]) -> dict[str, float]:
    """Peak resident MB of a process of its own that runs so many (batch × rate) cells."""
    found = {}
    for number in cells:
        command = [sys.executable, "-m", "tests.bench.memory", str(number)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found[str(number)] = json.loads(printed)["peak_mb"]
    return found


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
