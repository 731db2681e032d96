"""`python tests/large_grid.py`: whole runs of 100,000 cells, 1000 steps, d = 64; time and memory.

Two seeds each; what grows with the number of cells is the result alone.
"""

import argparse
import resource
import time

import jax
import numpy as np

from experiments.run_problems import make
from sim.trajectory import run_grid


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rule", default="sign")
    asked = parser.parse_args()
    side = int(np.sqrt(asked.cells))
    problem, start = make("coherent"), time.perf_counter()
    grid = run_grid(
        asked.rule, problem, batches=np.geomspace(1, 1e5, asked.cells // side).tolist(),
        lrs=np.geomspace(1e-3, 1.0, side).tolist(), steps=[asked.steps // 2, asked.steps],
        targets=[1.0, 0.5, 0.1], seeds=2, groups=2, key=jax.random.key(0),
    )  # fmt: skip
    seconds, usage = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cells = grid.diverged_be.size
    results = sum(part.nbytes for part in grid)
    print(
        f"{cells} cells × {asked.steps} steps × 2 seeds × d = 64: {seconds:.0f} s of wall, "
        f"{usage.ru_utime:.0f} s of CPU, peak {usage.ru_maxrss / 1024:.0f} MB, of which results "
        f"{results / 2**20:.0f} MB; {cells * asked.steps * 128 / seconds / 1e6:.0f} M coordinates/s"
    )


if __name__ == "__main__":
    main()
