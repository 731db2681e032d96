"""95 % bars of what was estimated by leaving one group of seeds out in turn."""

import xarray as xr
from scipy.special import stdtrit


def t95(dataset: xr.Dataset) -> float:
    """Student's two-sided 95 % quantile for the groups of a dataset with replicates, the first of
    which has all groups: so many standard errors is half a bar."""
    return float(stdtrit(dataset.sizes["replicate"] - 2, 0.975))
