"""Row: whole runs of sign descent on a dense quadratic, over batch sizes, learning rates and seeds.

The engine's `run_grid` shows all cells of a seed the same noise, so that learning rates are
compared and not their luck.  torch is timed in both ways, vectorised over all cells: with noise of
its own for every cell, as one would write it first, and with shared noise, as the engine has it.
Beyond torch's final losses the engine gives those of the jackknife's replicates.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from sim import Quadratic
from sim.trajectory import run_grid
from tests.bench.timing import Candidate


class Job(NamedTuple):
    """H (d, d), θ (d,), σ = 1; batch sizes × learning rates × seeds are the cells."""

    hessian: np.ndarray
    theta: np.ndarray
    batches: np.ndarray
    lrs: np.ndarray
    seeds: int
    steps: int

    @property
    def cells(self) -> int:
        return self.batches.size * self.lrs.size * self.seeds


def job(d: int, batches: int, lrs: int, seeds: int, steps: int) -> Job:
    generator = np.random.default_rng(2)
    root = generator.normal(size=(d, d)) / np.sqrt(d)
    hessian = (root @ root.T + 0.1 * np.eye(d)).astype(np.float32)
    return Job(
        hessian, generator.normal(size=d).astype(np.float32),
        4.0 ** np.arange(batches), np.geomspace(1e-3, 1e-1, lrs), seeds, steps,
    )  # fmt: skip


def engine(job: Job):
    noise = jnp.ones(job.theta.size, jnp.float32)
    problem = Quadratic(jnp.asarray(job.hessian), jnp.asarray(job.theta), noise)

    def run():
        return run_grid(
            "sign", problem, batches=job.batches.tolist(), lrs=job.lrs.tolist(),
            steps=[job.steps], seeds=job.seeds, groups=job.seeds, key=jax.random.key(2),
        )  # fmt: skip

    return run


def in_torch(job: Job, *, shared: bool):
    hessian, d = torch.from_numpy(job.hessian), job.theta.size
    batch, lr = np.meshgrid(job.batches, job.lrs, indexing="ij")
    scale, rate = (
        torch.tensor(np.repeat(x.ravel(), job.seeds), dtype=torch.float32)[:, None]
        for x in (batch**-0.5, lr)
    )

    def run() -> np.ndarray:
        generator = torch.Generator().manual_seed(1)
        theta = torch.from_numpy(job.theta).repeat(job.cells, 1)
        curved, v = theta @ hessian, torch.empty(job.cells, d)
        drawn = torch.empty(1, job.seeds, d)
        by_seed, scale_by_seed = v.view(-1, job.seeds, d), scale.view(-1, job.seeds, 1)
        for _ in range(job.steps):
            if shared:
                torch.mul(drawn.normal_(generator=generator), scale_by_seed, out=by_seed)
            else:
                v.normal_(generator=generator).mul_(scale)
            theta.sub_(v.add_(curved).sign_().mul_(rate))
            torch.mm(theta, hessian, out=curved)
            loss = 0.5 * (curved * theta).sum(1)
        return loss.view(-1, job.seeds).numpy().astype(np.float64)

    return run


def candidates(job: Job) -> dict[str, Candidate]:
    d = job.theta.size
    gflop = 2e-9 * job.cells * d * d * job.steps
    own, common = (k * d * job.steps for k in (job.cells, job.seeds))
    return {
        "torch": Candidate(in_torch(job, shared=False), gflop, own, 0.0),
        "torch, shared noise": Candidate(in_torch(job, shared=True), gflop, common, 0.0),
        "engine": Candidate(engine(job), gflop, common, 0.0),
    }


def agreement(job: Job, results: dict[str, Any]) -> dict[str, str]:
    """Mean over cells of the final loss, each with its error over seeds, against torch's."""
    grid = results["engine"]
    left_out = grid.loss_berk[:, :, 1:, -1].mean((0, 1))
    found = {"engine": (grid.loss_berk[:, :, 0, -1].mean(), _jackknife(left_out))}
    for name in ("torch", "torch, shared noise"):
        per_seed = results[name].mean(0)
        found[name] = (per_seed.mean(), per_seed.std(ddof=1) / np.sqrt(job.seeds))
    mean, error = found["torch"]
    return {
        name: f"loss {one:.3f} ± {sem:.3f}"
        + (f", z = {(one - mean) / np.hypot(sem, error):+.1f}" if name != "torch" else "")
        for name, (one, sem) in found.items()
    }


def _jackknife(left_out: np.ndarray) -> float:
    n = left_out.size
    return float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))
