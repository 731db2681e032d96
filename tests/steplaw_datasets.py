"""Made-up runs of language models, whose best learning rate follows a known law of the batch."""

import functools
from types import SimpleNamespace

import numpy as np
import xarray as xr

from experiments.steplaw import batch
from experiments.steplaw.joint import B_0, D_0, N_0
from experiments.steplaw.smooth import PUBLISHED, RUNG
from theory.rivals import RIVALS
from theory.symbols import B

# ε_max at the middle, its exponents of N and D, the same of B_noise in tokens
TRUTH = {"a": (-6.1, -0.7, 0.3), "b": (np.log(0.7), -0.4, 0.8)}
SIZES = (
    (6e7, 8e9), (2.15e8, 4e9), (2.15e8, 2e10), (2.15e8, 1e11), (2.68e8, 1.42e10),
    (4.29e8, 8e9), (4.29e8, 5e10), (5.37e8, 2.84e10), (1.07e9, 2e10), (1.07e9, 1e11),
)  # fmt: skip
BATCHES = 2.0 ** np.arange(16, 23)
CURVATURE, SCATTER = 0.02, 0.05  # per (ln lr)², and of the optima about the law


def log_optimum(law: str, params, tokens, batches, shape: float = 0.75) -> np.ndarray:
    """ln η* of a rival law with the parameters of TRUTH."""
    wide, long = np.log(params / N_0), np.log(tokens / D_0)
    scale, noise = (c + n * wide + d * long for c, n, d in TRUTH.values())
    rival = RIVALS[law]
    values = dict(zip(rival.law.args, map(str, rival.law.args), strict=True))
    known = {"epsilon_max": np.exp(scale), "B_noise": np.exp(noise), "alpha": shape, "q": shape}
    names = [values[symbol] for symbol in rival.law.args if symbol != B]
    given = [known[name] for name in names]
    return np.log(
        np.asarray(rival.law.jax(*([batches / B_0] if B in rival.law.args else []), *given))
    )


def runs(law: str = "knee", *, shape: float = 0.75, seed: int = 0, moe: bool = True) -> xr.Dataset:
    """Runs on the published ladder over SIZES × BATCHES; the last two cells are mixtures of
    experts of which a tenth is active."""
    noise, rows = np.random.default_rng(seed), []
    cells = [(*pair, "dense") for pair in SIZES] + [(4e8, 1e10, "moe"), (8e8, 2e10, "moe")] * moe
    ladder = RUNG * np.arange(-26, -9)
    for cell, (params, tokens, kind) in enumerate(cells):
        own = BATCHES[tokens / BATCHES >= 2000]
        for batches in own:
            star = float(log_optimum(law, params, tokens, batches, shape))
            star += SCATTER * noise.standard_normal()
            near = ladder[np.abs(ladder - star) < 5.5 * RUNG]
            excess = CURVATURE * (np.exp(0.6 * (near - star)) - 1 - 0.6 * (near - star)) / 0.36
            loss = 2.4 * (params / N_0) ** -0.05 * (tokens / D_0) ** -0.06
            level = np.log(loss) + 0.002 * np.log(batches / B_0) ** 2
            error = PUBLISHED.noise * noise.standard_normal(len(near))
            active = params / 10 if kind == "moe" else params
            for lr, value in zip(near, level + excess + error, strict=True):
                rows.append((params, active, tokens, np.exp(lr), batches, tokens / batches,
                             np.exp(value), kind, cell))  # fmt: skip
    names = ("N", "N_active", "D", "lr", "batch", "steps", "loss", "kind", "cell")
    columns = {n: ("run", np.array(x)) for n, x in zip(names, zip(*rows, strict=True), strict=True)}
    columns["held_out"] = ("run", np.zeros(len(rows), bool))
    return xr.Dataset(columns)


@functools.cache
def part(law: str = "knee", shape: float = 0.75) -> xr.Dataset:
    """The part `slices` of made-up runs."""
    spec = SimpleNamespace(steps=(0, 4000), resamples=50, seed=0)
    return batch.measure(runs(law, shape=shape), spec)  # type: ignore[arg-type]
