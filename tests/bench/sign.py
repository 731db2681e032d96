"""Rows: Monte Carlo of one step of sign descent: E[VᵀHV], and E[VᵀG] where H is diagonal.

torch draws V, in place, and sums just that.  The engine's public function draws V in pairs of
opposite noise, so that it needs half of the normals, and gives both, ε* and all their errors.  Both
evaluate the same number of V, which is what the ratio of times compares.  A pair is worth more than
two V for ε*, and less for E[VᵀHV]: `equal_error` gives the ratio at equal standard error.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from sim import Estimate, OneStep, Quadratic, measure_one_step
from tests.bench.timing import Candidate

ROWS = 512  # of torch's buffer: the fastest of 256, 512, 1024, 4096


class Job(NamedTuple):
    """H, dense (d, d) or diagonal (d,), μ (d,), σ = 1, the batch size and the number of V."""

    hessian: np.ndarray
    mean: np.ndarray
    batch: float
    draws: int


def job(d: int, draws: int, *, dense: bool, batch: float = 64.0) -> Job:
    generator = np.random.default_rng(0)
    root = generator.normal(size=(d, d)) / np.sqrt(d)
    hessian = root @ root.T + 0.1 * np.eye(d)
    mean = 0.05 * generator.normal(size=d)
    chosen = hessian if dense else np.diag(hessian)
    return Job(chosen.astype(np.float32), mean.astype(np.float32), batch, draws)


def problem(job: Job) -> Quadratic:
    h = np.asarray(job.hessian, np.float64)
    theta = job.mean / h if h.ndim == 1 else np.linalg.solve(h, job.mean)
    hessian = jnp.asarray(job.hessian)
    return Quadratic(hessian, jnp.asarray(theta, jnp.float32), jnp.ones(job.mean.size, jnp.float32))


def engine(job: Job, sampler: str):
    ready = problem(job)

    def run():
        return measure_one_step(
            "sign", ready, batch=job.batch, samples=job.draws // 2, key=jax.random.key(1),
            sampler=sampler,
        )  # fmt: skip

    return run


def torch_draws(job: Job):
    """V (ROWS, d) again and again, in one buffer."""
    generator = torch.Generator().manual_seed(1)
    buffer = torch.empty(ROWS, job.mean.size)
    mean, scale = torch.from_numpy(job.mean), job.batch**-0.5
    for _ in range(-(-job.draws // ROWS)):
        yield buffer.normal_(generator=generator).mul_(scale).add_(mean).sign_()


def torch_mean(job: Job):
    dense = job.hessian.ndim == 2
    hessian, mean = torch.from_numpy(job.hessian), torch.from_numpy(job.mean)

    def run() -> float:
        total = 0.0
        for z in torch_draws(job):
            total += float(((z @ hessian) * z).sum() if dense else (z @ mean).sum())
        return total / (-(-job.draws // ROWS) * ROWS)

    return run


def torch_errors(job: Job) -> tuple[float, float]:
    """Relative standard errors of what was measured, and of ε*, from as many V, not timed."""
    dense = job.hessian.ndim == 2
    hessian, mean = torch.from_numpy(job.hessian), torch.from_numpy(job.mean)
    products = []
    for z in torch_draws(job):
        curved = z @ hessian if dense else z * hessian
        products.append(torch.stack([z @ mean, (curved * z).sum(1)]))
    x = torch.cat(products, dim=1).numpy().astype(np.float64)
    relative = x / x.mean(1, keepdims=True) - 1
    errors = [relative[int(dense)].std(), (relative[0] - relative[1]).std()]
    return errors[0] / x.shape[1] ** 0.5, errors[1] / x.shape[1] ** 0.5


def candidates(job: Job) -> dict[str, Candidate]:
    d, n = job.mean.size, job.draws
    dense = job.hessian.ndim == 2
    whole = 2e-9 * n * d * d if dense else 0.0
    block = max(128, -(-d // 8))
    upper = whole * min(1.0, 0.5 + 0.5 * block / d)  # blocks of H on and above its diagonal
    written = 4e-9 * n * d
    return {
        "torch": Candidate(torch_mean(job), whole, n * d, written),
        "engine": Candidate(engine(job, "normals"), upper, n * d / 2, written),
        # half of `upper`: its products are of bfloat16
        "engine, threshold": Candidate(engine(job, "threshold"), upper / 2, 0.0, written),
    }


def measured(job: Job, step: OneStep) -> tuple[str, Estimate]:
    """What the row is about, and the engine's estimate of it."""
    return ("E[VᵀHV]", step.denominator) if job.hessian.ndim == 2 else ("E[VᵀG]", step.numerator)


def agreement(job: Job, results: dict[str, Any]) -> dict[str, str]:
    """How far each mean is from torch's, in standard errors of the difference."""
    error, _ = torch_errors(job)
    what, _ = measured(job, results["engine"])
    found = {"torch": f"{what} = {results['torch']:.3f} ± {error * results['torch']:.3f}"}
    for name, step in results.items():
        if name != "torch":
            one = measured(job, step)[1]
            z = (one.mean - results["torch"]) / np.hypot(one.sem, error * results["torch"])
            found[name] = f"{what} = {one.mean:.3f} ± {one.sem:.3f}, z = {z:+.1f}"
    return found


def equal_error(job: Job, results: dict[str, Any], ratio: float) -> dict[str, float]:
    """The engine's ratio of times where both go on to one standard error."""
    error, optimum = torch_errors(job)
    step = results["engine"]
    what, one = measured(job, step)
    return {
        what: ratio * (error * one.mean / one.sem) ** 2,
        "ε*": ratio * (optimum * step.lr_star.mean / step.lr_star.sem) ** 2,
    }
