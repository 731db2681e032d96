"""`python -m tests.bench.memory CELLS`: run so many cells of a grid, d = 64, 8 seeds, 20 steps;
print the process's peak resident memory and that before the grid, in MB."""

import json
import resource
import sys

import jax
import jax.numpy as jnp
import numpy as np

from sim import Quadratic
from sim.trajectory import run_grid


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
