"""Each cell's loss as a quadratic surface of (ln lr, ln B): its optimum, its plateau, their errors.

ln loss of the runs within `REGION` of the cell's best, by least squares on the six monomials up to
second degree; the scatter about the surfaces, one number for all cells, is noise and misfit
together.  Coefficients are redrawn from their Gaussian distribution; a draw whose surface is not
convex, or whose optimum lies outside the cell's grid, says that the data do not hold the optimum
and counts as no optimum.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr

from experiments.steplaw.power_law import Points

REGION, NARROW = 0.01, 0.006  # relative loss above the best
PLATEAU = 0.0025
SPARE = 3  # runs beyond the six coefficients
LR, BATCH = np.log(1e-3), np.log(5e5)  # where the monomials are counted from


class Surface(NamedTuple):
    """Coefficients (6,) of (1, x, y, x², xy, y²), their covariance over the noise variance, sum of
    squares and degrees of freedom; `border`, ((x_low, y_low), (x_high, y_high)) of the grid."""

    coefficients: np.ndarray
    spread: np.ndarray
    squares: float
    freedom: int
    border: np.ndarray


def monomials(x, y) -> np.ndarray:
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)


def surface_of(lr, batch, loss, region: float = REGION) -> Surface | None:
    """The surface of one cell's runs (n,); None where there are too few near the best."""
    x, y, excess = np.log(lr) - LR, np.log(batch) - BATCH, np.log(loss / np.min(loss))
    border = np.array([[x.min(), y.min()], [x.max(), y.max()]])
    near = excess <= region
    columns = monomials(x[near], y[near])
    if near.sum() < 6 + SPARE or np.linalg.matrix_rank(columns) < 6:
        return None
    inverse = np.linalg.pinv(columns)
    found = inverse @ excess[near]
    squares = float(((excess[near] - columns @ found) ** 2).sum())
    return Surface(found, inverse @ inverse.T, squares, int(near.sum()) - 6, border)


def optimum(coefficients: np.ndarray, border: np.ndarray) -> np.ndarray:
    """(x, y) of the lowest point, (..., 2); NaN where there is none inside the border."""
    _, b, c, d, e, f = np.moveaxis(coefficients, -1, 0)
    det = 4 * d * f - e * e
    with np.errstate(all="ignore"):
        place = np.stack([e * c - 2 * f * b, e * b - 2 * d * c], -1) / det[..., None]
    convex = (det > 0) & (d > 0)
    inside = ((place >= border[0]) & (place <= border[1])).all(-1)
    return np.where((convex & inside)[..., None], place, np.nan)


def widths(coefficients: np.ndarray) -> np.ndarray:
    """Factors (..., 4) from the optimum to where the loss is `PLATEAU` higher: in lr at this B, in
    B at this lr, in lr and in B when the other goes along; NaN where the surface is not convex."""
    d, e, f = np.moveaxis(coefficients, -1, 0)[3:]
    det = 4 * d * f - e * e
    with np.errstate(all="ignore"):
        squares = PLATEAU * np.stack([1 / d, 1 / f, 4 * f / det, 4 * d / det], -1)
        found = np.exp(np.sqrt(squares))
    return np.where(((det > 0) & (d > 0))[..., None], found, np.nan)


def bowl(coefficients: np.ndarray) -> np.ndarray:
    """The lesser curvature of the surface, of ln loss per e-fold squared; above 0: convex."""
    d, e, f = np.moveaxis(coefficients, -1, 0)[3:]
    return d + f - np.hypot(d - f, e)


MONOMIALS = ("1", "x", "y", "xx", "xy", "yy")
WIDTHS = ("lr at this B", "B at this lr", "lr", "B")


def surfaces(runs: xr.Dataset, copies: int, seed: int, region: float = REGION) -> xr.Dataset:
    """By cell: ln lr and ln B of the optimum with 95 % intervals and covariance, the slope of the
    valley d ln lr/d ln B, the lesser curvature and the plateau's widths with intervals, the share
    of draws with an optimum;
    and `noise`, the scatter of ln loss about all surfaces."""
    cells = np.unique(runs["cell"].values)
    lr, batch, loss = (runs[name].values for name in ("lr", "batch", "loss"))
    mine = [runs["cell"].values == cell for cell in cells]
    fits = [surface_of(lr[m], batch[m], loss[m], region) for m in mine]
    known = [fit for fit in fits if fit is not None]
    squares, freedom = sum(fit.squares for fit in known), sum(fit.freedom for fit in known)
    noise = np.sqrt(squares / max(freedom, 1))
    random = np.random.default_rng(seed)
    rows = [_row(fit, noise, random.standard_normal((copies, 6))) for fit in fits]
    stacked = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    dims = {
        "optimum": ("axis",),
        "width": ("width_of",),
        "coefficients": ("monomial",),
        "covariance": ("axis", "axis_too"),
    }
    found = {
        name: (("cell", *dims.get(name.removesuffix("_low").removesuffix("_high"), ())), values)
        for name, values in stacked.items()
    }
    return xr.Dataset(
        {**found, "noise": ((), noise), "freedom": ((), freedom)},
        {
            "cell": cells, "axis": ["lr", "batch"], "width_of": list(WIDTHS),
            "monomial": list(MONOMIALS),
        },
    )  # fmt: skip


def _row(fit: Surface | None, noise: float, normal: np.ndarray) -> dict[str, np.ndarray]:
    """One cell's numbers; all NaN without a surface."""
    if fit is None:
        fit = Surface(np.full(6, np.nan), np.eye(6), 0.0, 0, np.zeros((2, 2)))
    drawn = fit.coefficients + noise * normal @ np.linalg.cholesky(_definite(fit.spread)).T
    moved, origin = optimum(drawn, fit.border), np.array([LR, BATCH])
    there = np.isfinite(moved[:, 0])
    width = widths(drawn)
    enough = there.mean() > 0.5
    nothing = np.full((2, 2), np.nan)
    ends = np.quantile(moved[there], (0.025, 0.975), 0) + origin if enough else nothing
    wide = np.isfinite(width).all(1)
    reach = np.quantile(width[wide], (0.025, 0.975), 0) if enough else np.full((2, 4), np.nan)
    _, _, _, d, e, _ = fit.coefficients
    return {
        "coefficients": fit.coefficients,
        "optimum": optimum(fit.coefficients, fit.border) + origin,
        "optimum_low": ends[0],
        "optimum_high": ends[1],
        "covariance": np.cov(moved[there].T) if enough else nothing,
        "width": widths(fit.coefficients),
        "width_low": reach[0],
        "width_high": reach[1],
        "valley": np.array(-e / (2 * d)),
        "bowl": bowl(fit.coefficients),
        "bowl_low": np.quantile(bowl(drawn), 0.025),
        "bowl_high": np.quantile(bowl(drawn), 0.975),
        "held": np.array(there.mean()),
    }


def _definite(matrix: np.ndarray) -> np.ndarray:
    return matrix + 1e-12 * np.trace(matrix) * np.eye(len(matrix))


def points(found: xr.Dataset, n, d) -> Points:
    """The optima that the data hold in 95 % of draws, as points for a regression, weighted equally;
    n, d: parameters and tokens by cell."""
    place = found["optimum"].values
    known = np.isfinite(place).all(1) & (found["held"].values >= 0.95)
    columns = (np.log(n), np.log(d), place[:, 0], place[:, 1], found["cell"].values)
    kept = [np.asarray(values)[known] for values in columns]
    return Points._make([*kept, np.ones(known.sum())])
