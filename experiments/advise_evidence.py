"""What a table of runs says of the best learning rate: optima by batch size, and rival laws.

Each batch size is a slice, smoothed as the published ones (`steplaw.smooth`) with a noise that is
the likeliest for the table.  Before that a permutation test asks whether losses follow the learning
rate at all: the share of the variance of their ranks that a parabola in ln lr explains, against
losses dealt anew.  The rival laws are fitted to the optima; a law is excluded if its χ² would be
that large once in a hundred times, or if its criterion (AICc) is worse by 10.  Where the optima
scatter about even the best law, all errors are taken larger by the root of its χ² per degree of
freedom (Birge's ratio), up to four times.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import gammaincc
from scipy.stats import rankdata

from experiments import fit
from experiments.steplaw.slices import optima
from experiments.steplaw.smooth import PUBLISHED, RUNG, Noise, gather, log_likelihood
from theory.rivals import RIVALS

DEALS, CHANCE = 999, 0.01  # permutations, and their share above which there is no optimum
EXCLUDING_P, EXCLUDING_AICC = 0.01, 10.0
LARGEST_RATIO = 4.0
TOLD = 0.5  # ln lr: an optimum with a larger error tells nothing
FEWEST = 3  # optima that laws are fitted to
NOISES, BENDS = 2.0 ** np.arange(-8, 7), 4.0 ** np.arange(-2, 4)  # times the published ones


class Evidence(NamedTuple):
    """`slices`: the optima; `told` (S,): neither bounds nor too uncertain; `chance`: of losses
    dealt anew to follow lr as well; `fits`: law → fit; `weight`: law → Akaike weight among those
    not excluded, 0 for the excluded; `why`: law → why it is excluded; `ratio`: Birge's."""

    slices: xr.Dataset
    told: np.ndarray
    chance: float
    fits: Mapping[str, fit.Fit]
    weight: Mapping[str, float]
    why: Mapping[str, str]
    ratio: float

    @property
    def surviving(self) -> list[str]:
        return [name for name, weight in self.weight.items() if weight > 0]


def evidence(table: pd.DataFrame) -> Evidence:
    """From rows (batch, lr, loss), sorted."""
    chance = chance_of(table)
    runs = {name: ("run", table[name].to_numpy(float)) for name in table}
    one = np.ones(len(table))
    runs |= {"N": ("run", one), "D": ("run", one), "cell": ("run", np.zeros(len(table), int))}
    slices = optima(xr.Dataset(runs), likeliest(table))
    told = (slices["edge"].values == 0) & (slices["log_sem"].values < TOLD)
    if told.sum() < FEWEST or chance > CHANCE:
        return Evidence(slices, told, chance, {}, {}, {}, 1.0)
    fits = _fits(slices, told)
    per_degree = [f.chi2 / f.dof for f in fits.values() if f.dof and np.isfinite(f.chi2)]
    ratio = float(np.sqrt(np.clip(min(per_degree, default=1.0), 1.0, LARGEST_RATIO**2)))
    return Evidence(slices, told, chance, fits, *_weights(fits, ratio), ratio)


def chance_of(table: pd.DataFrame) -> float:
    """How often losses dealt anew within each batch size follow lr as well as these do."""
    rng, explained, total = np.random.default_rng(0), np.zeros(DEALS + 1), 0.0
    for _, rows in table.groupby("batch"):
        x, rank = np.log(rows["lr"].to_numpy()), rankdata(rows["loss"])
        x = (x - x.mean()) / max(float(np.ptp(x)), 1e-9)
        basis = np.linalg.qr(np.stack([np.ones_like(x), x, x**2], 1))[0][:, 1:]
        centred = rank - rank.mean()
        dealt = np.array([centred, *(rng.permutation(centred) for _ in range(DEALS))])
        explained += ((dealt @ basis) ** 2).sum(-1)
        total += float((centred**2).sum())
    return float((explained >= explained[0] * (1 - 1e-12)).mean()) if total else 1.0


def likeliest(table: pd.DataFrame) -> Noise:
    """The published noise and bend times factors of largest likelihood for this table."""
    _, group = np.unique(table["batch"], return_inverse=True)
    rung = np.log(table["lr"].to_numpy()) / RUNG
    losses = gather(group.ravel(), rung, np.log(table["loss"].to_numpy()))
    tried = [
        PUBLISHED._replace(noise=PUBLISHED.noise * a, bend=PUBLISHED.bend * b)
        for a in NOISES
        for b in BENDS
    ]
    return max(tried, key=lambda noise: float(log_likelihood(losses, noise).sum()))


def _fits(slices: xr.Dataset, told: np.ndarray) -> dict[str, fit.Fit]:
    rate = slices["lr_star"].values[told]
    data = fit.data_of(slices["batch"].values[told], rate, rate * slices["log_sem"].values[told])
    fits = {name: fit.fit(rival, data, thorough=False) for name, rival in RIVALS.items()}
    return {name: found for name, found in fits.items() if found.dof >= 0}


def _weights(fits: Mapping[str, fit.Fit], ratio: float) -> tuple[dict[str, float], dict[str, str]]:
    """Criteria where they are defined, χ² with a penalty of two per parameter else."""
    score = {name: f.chi2 / ratio**2 + _penalty(f) for name, f in fits.items()}
    least, why, weight = min(score.values()), {}, {}
    for name, f in fits.items():
        chi2 = f.chi2 / ratio**2
        chance = float(gammaincc(f.dof / 2, chi2 / 2)) if f.dof else 1.0
        if not np.isfinite(chi2) or chance < EXCLUDING_P:
            why[name] = f"χ² = {chi2:.3g} for {f.dof} degrees of freedom"
        elif score[name] > least + EXCLUDING_AICC:
            why[name] = f"its criterion is worse by {score[name] - least:.3g}"
        weight[name] = 0.0 if name in why else float(np.exp((least - score[name]) / 2))
    total = sum(weight.values())
    return {name: w / total if total else 0.0 for name, w in weight.items()}, why


def _penalty(found: fit.Fit) -> float:
    if np.isfinite(found.aicc):
        return found.aicc - found.chi2
    return 2.0 * (len(found.rate) - found.dof)
