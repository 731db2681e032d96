"""What the report and the command line need to know of a figure."""

from collections.abc import Callable
from typing import NamedTuple

import xarray as xr
from matplotlib.figure import Figure


class Entry(NamedTuple):
    """A figure: the experiment whose dataset it shows, and its words.

    `caption` says what is drawn and `not_claimed` what does not follow from it; `reading(dataset)`
    is a sentence with the numbers of this very dataset; `alt` is for those who cannot see it.
    """

    name: str
    experiment: str
    title: str
    caption: str
    not_claimed: str
    alt: str
    draw: Callable[[xr.Dataset], Figure]
    reading: Callable[[xr.Dataset], str]
