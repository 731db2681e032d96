"""What this machine can do, measured beside the rows: matrix products, normals, memory."""

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from sim.normals import normal
from tests.bench.timing import interleaved, spread

UNITS = {"gemm": "GF/s", "normals": "M/s", "memory": "GB/s"}  # in this order


def limits(size: int, rounds: int) -> dict[str, dict[str, float]]:
    """Of torch and jax, in UNITS: {"gemm": {"torch": …, "jax": …}, …}; the better one counts."""
    a = np.ones((size, size), np.float32)
    matrix, buffer, array = torch.from_numpy(a), torch.empty(size, size), jnp.asarray(a)
    generator = torch.Generator().manual_seed(0)
    long = torch.empty(max(size**2 * 8, 8))  # beyond the cache
    other = torch.empty_like(long)
    product = jax.jit(lambda x, y: jnp.matmul(x, y, precision=jax.lax.Precision.HIGHEST))
    draw = jax.jit(lambda key: jnp.abs(normal(key, (size, size), jnp.float32)).sum(0))
    key = jax.random.key(0)
    runs = {
        ("gemm", "torch"): lambda: torch.mm(matrix, matrix, out=buffer),
        ("gemm", "jax"): lambda: product(array, array).block_until_ready(),
        ("normals", "torch"): lambda: buffer.normal_(generator=generator),
        ("normals", "jax"): lambda: draw(key).block_until_ready(),
        ("memory", "torch"): lambda: other.copy_(long),
    }
    work = {
        "gemm": 2e-9 * size**3, "normals": 1e-6 * size**2, "memory": 8e-9 * long.numel(),
    }  # fmt: skip
    times = interleaved({str(name): run for name, run in runs.items()}, 2 * rounds)
    found: dict[str, dict[str, float]] = {}
    for what, who in runs:
        rate = work[what] / spread(times[str((what, who))])["cpu_min"]
        found.setdefault(what, {})[who] = rate
    return found


def seconds_at_limit(candidate, found) -> float:
    """Time its products, normals and memory would take one after the other, each at the limit."""
    best = {what: max(rates.values()) for what, rates in found.items()}
    return (
        candidate.gflop / best["gemm"]
        + candidate.normals / 1e6 / best["normals"]
        + candidate.gigabytes / best["memory"]
    )
