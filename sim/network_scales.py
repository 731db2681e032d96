"""The scalars that group curvatures and noise forms add up to.

`population` values are those of the samples themselves; `distribution` values are means over
distinct groups, free of the bias of products of noisy means, with the jackknife's error over
groups.  What bias
is left: σ stands in r = μ/σ as measured (relative order 1/n), and ratios of unbiased estimates are
biased by their relative variance.
"""

import numpy as np

from sim.estimate import Estimate, propagate
from sim.group_curvature import (
    Curvatures,
    distinct_mean,
    over_groups,
    over_probes,
    triple,
    whole,
)
from sim.noise_forms import NoiseForms, nuclear_noise, population_trace, unbiased_trace
from sim.noise_scales import Groups, Measured, NormScale, exact, jackknife, norm_scale
from sim.parameter_blocks import Block, matrix_direction


def sgd_curvatures(curved: Curvatures, noise: NoiseForms, groups: Groups) -> dict[str, Measured]:
    """tr(HΣ), GᵀHG and their ratio, SGD's noise scale; inf where GᵀHG is not above zero.

    Source: McCandlish et al. 2018 (1812.06162), §2.2.
    """
    k = groups.counts.size
    unbiased = unbiased_trace(noise, groups, curved.gradient)
    traces = Measured(population_trace(noise, groups), jackknife(unbiased, k))
    forms = triple(curved.gradient, groups.counts)

    def ratio(kept):
        below = distinct_mean(curved.gradient, kept)
        return unbiased(kept) / below if below > 0 else np.inf

    return {
        "noise_curvature": traces,
        "gradient_curvature": forms,
        "b_noise": Measured(_ratio(traces.population, forms.population), jackknife(ratio, k)),
    }


def _ratio(above: Estimate, below: Estimate) -> Estimate:
    """Of an estimate over an exact number."""
    if below.mean <= 0:
        return Estimate(np.inf, 0.0, above.n)
    return propagate(lambda m: float(m[0] / below.mean), np.array([1 / below.mean]), (above,))


def sign_curvatures(
    curved: Curvatures, groups: Groups, mu: np.ndarray, sigma: np.ndarray
) -> dict[str, Measured]:
    """T, Q, S and M.  The distribution's Q keeps s = sign μ̂ of these samples: its error is that of
    H alone, and `undecided` says how many signs are open."""
    n, k = int(groups.counts.sum()), groups.counts.size
    moving = sigma > 0
    if ((mu != 0) & ~moving).any():
        nowhere, unbounded = Estimate(np.nan, np.nan, n), Estimate(np.inf, 0.0, n)
        curvature, strength = Measured(nowhere, nowhere), Measured(unbounded, unbounded)
    else:
        squares = over_probes(curved.ratio_squares, groups.counts)
        apart = triple(curved.ratio - curved.ratio_diagonal, groups.counts).distribution
        value = whole(curved.ratio, groups.counts) - squares.mean
        curvature = Measured(squares._replace(mean=value), apart)
        strength = Measured(
            exact((mu[moving] ** 2 / sigma[moving]).sum(), n),
            jackknife(lambda kept: _strength(groups, kept), k),
        )
    trace_by_group = curved.trace.mean(1)
    sign = over_groups(curved.sign, groups.counts)
    return {
        "trace": Measured(
            over_probes(curved.trace, groups.counts), over_groups(trace_by_group, groups.counts)
        ),
        "sign_curvature": Measured(exact(sign.mean, n), sign),
        "ratio_curvature": curvature,
        "ratio_strength": strength,
    }


def _strength(groups: Groups, kept: np.ndarray) -> float:
    """Σ μ_i²/σ_i with μ_i² without bias: less σ_i²/(n−1) each."""
    mu, sigma = groups.mean(kept), groups.deviation(kept)
    moving = sigma > 0
    left = groups.counts[kept].sum()
    return float((mu[moving] ** 2 / sigma[moving]).sum() - sigma.sum() / (left - 1))


def nuclear_scale(groups: Groups, noise: NoiseForms, blocks: list[Block]) -> NormScale | None:
    """(Σ tr((E[NNᵀ])^½) / Σ ‖G‖_*)², sums over matrix parameters, N the noise of one sample's
    gradient on its matrix's shorter side; None if there is no matrix.

    The definition is this project's, after that of the ℓ1 scale, which it is for diagonal matrices:
    √B E‖noise of a batch‖_* ≤ tr((E[NNᵀ])^½) (Jensen).  Naganuma et al. 2026 (2602.03001) have a
    scale for spectral descent; that theirs is the same has not been checked.
    """
    if not blocks:
        return None
    return norm_scale(
        groups,
        lambda vector: matrix_direction(vector, blocks),
        lambda kept: nuclear_noise(noise, groups.counts, kept),
    )
