"""By what factor a law is off: one computation for the figure, the table and the text.

law/measured, with an interval of 95 % by the delta method for its logarithm: a relative standard
error sem/mean of either is a standard error of the logarithm.  Holds for: relative errors well
below one.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from figures.style import Z95


class Ratio(NamedTuple):
    """Value and the ends of the interval, arrays of one shape."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def bars(self) -> np.ndarray:
        """Lengths of the bar below and above, as matplotlib takes them."""
        return np.stack([self.value - self.low, self.high - self.value])


def ratio(law: ArrayLike, mean: ArrayLike, sem: ArrayLike, law_sem: ArrayLike = 0.0) -> Ratio:
    """law/mean, times or divided by exp(1.96 √((sem/mean)² + (law_sem/law)²))."""
    law, mean, sem, law_sem = np.broadcast_arrays(
        *(np.asarray(a, float) for a in (law, mean, sem, law_sem))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where((law > 0) & (mean > 0), law / mean, np.nan)
        spread = np.exp(Z95 * np.sqrt((sem / mean) ** 2 + (law_sem / law) ** 2))
    return Ratio(value, value / spread, value * spread)


def independent(part: xr.Dataset) -> Ratio:
    """How far Theorem 2, which takes coordinates as independent, is off on a network."""
    return ratio(part["lr_independent"], part["lr_star_mean"], part["lr_star_sem"])


def gaussian(part: xr.Dataset) -> Ratio:
    """How far a Gaussian with the measured covariance is off."""
    return ratio(
        part["lr_gaussian"], part["lr_star_mean"], part["lr_star_sem"], part["lr_gaussian_sem"]
    )
