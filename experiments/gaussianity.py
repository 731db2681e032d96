"""How Gaussian are gradients?  A test of every coordinate, with its power.

Each sample of a coordinate, n values, goes through the K² test of D'Agostino & Pearson, which adds
what skewness and kurtosis say.  Under Gaussian noise a share `LEVEL` of coordinates is rejected;
its power is the share of samples of n from a stated other law that is.  For a minibatch of B the n
values are means of B samples drawn with replacement: the more of them, the more Gaussian.
"""

import jax
import numpy as np
import xarray as xr
from scipy import stats

from sim.measure import minibatch_gradients

LEVEL = 0.01
BINS = np.linspace(-6, 6, 97)  # of standardised values; beyond them the outermost count
TRIALS = 2000  # of each alternative
ALTERNATIVES = {
    "Gaussian": stats.norm(),
    "Student t, 10 degrees of freedom": stats.t(10),
    "Student t, 4 degrees of freedom": stats.t(4),
    "Laplace": stats.laplace(),
    "gamma of shape 100 (skewness 0.2)": stats.gamma(100),
}


def gaussianity(gradients, batches, coordinates: int, key) -> xr.Dataset:
    """Of per-sample gradients (n, d): by batch size, the share of coordinates rejected, the median
    |skewness| and excess kurtosis, and a histogram of all standardised values.

    `coordinates` are drawn among those that vary; n minibatches per batch size.  Where all n values
    of one are the same, they are not Gaussian: it counts as rejected, and is in no median.
    """
    gradients = np.asarray(gradients)
    varied = np.flatnonzero(gradients.std(0) > 0)
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    chosen = generator.choice(varied, min(coordinates, varied.size), replace=False)
    part, rows = gradients[:, np.sort(chosen)], gradients.shape[0]
    found: dict[str, list] = {name: [] for name in ("rejected", "skewness", "kurtosis", "values")}
    for index, batch in enumerate(batches):
        values = part
        if batch > 1:
            again = jax.random.fold_in(key, index)
            values = np.asarray(minibatch_gradients(part, again, batch=batch, rows=rows))
        values = values.astype(float)
        z = (values - values.mean(0)) / np.maximum(values.std(0), np.finfo(np.float32).tiny)
        pvalue = stats.normaltest(z).pvalue
        found["rejected"].append(float((np.nan_to_num(pvalue) < LEVEL).mean()))
        found["skewness"].append(float(np.nanmedian(np.abs(stats.skew(z)))))
        found["kurtosis"].append(float(np.nanmedian(stats.kurtosis(z))))
        found["values"].append(np.histogram(np.clip(z, BINS[0], BINS[-1]), BINS)[0] / z.size)
    by = "gaussian_batch"
    return xr.Dataset(
        {name: ((by, "bin") if name == "values" else by, column) for name, column in found.items()}
        | {"coordinates": chosen.size, "varied": varied.size, "samples": rows},
        coords={by: list(batches), "bin": 0.5 * (BINS[1:] + BINS[:-1])},
    )


def power(samples: int, seed: int) -> xr.Dataset:
    """The share of samples of that size that is rejected, of each of `ALTERNATIVES`, and its
    standard error."""
    generator = np.random.default_rng(seed)
    shares = [
        float((stats.normaltest(law.rvs((samples, TRIALS), generator)).pvalue < LEVEL).mean())
        for law in ALTERNATIVES.values()
    ]
    errors = [float(np.sqrt(max(p * (1 - p), 1 / TRIALS) / TRIALS)) for p in shares]
    return xr.Dataset(
        {"power": ("alternative", shares), "power_sem": ("alternative", errors)},
        coords={"alternative": list(ALTERNATIVES)},
    )
