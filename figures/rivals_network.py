"""Rival laws fitted to the measured ε*(B) of networks."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures import rivals
from figures.entry import Entry
from figures.network import title

EXPERIMENT = "onestep_network"
PANELS = 3


def chosen(dataset: xr.Dataset) -> list[xr.Dataset]:
    """Curves from beginning, middle and end of what was measured."""
    names = dataset["curve"].values[dataset["experiment"].values == EXPERIMENT]
    found = rivals.measured(dataset, names.tolist())
    places = np.unique(np.linspace(0, len(found) - 1, PANELS).round().astype(int)) if found else []
    return [found[place] for place in places]


def heading(part: xr.Dataset) -> str:
    """What a curve is called."""
    return f"{title(str(part['problem'].values))}, loss {float(part['loss']):.2g}"


def draw(dataset: xr.Dataset) -> Figure:
    """As `rivals.draw`."""
    parts = chosen(dataset)
    return rivals.picture(parts, [heading(part) for part in parts])


def reading(dataset: xr.Dataset) -> str:
    """Which rival describes each network best."""
    parts = chosen(dataset)
    return rivals.sentence(parts, [heading(part) for part in parts])


ENTRY = Entry(
    name="rivals_network",
    experiment="rivals",
    title="Rival laws on networks",
    caption="As the figure before, with real minibatches: a to c, measured ε*(B) of one step of "
    "sign descent and the best fit of every rival law; d, the largest error of each fit.",
    not_claimed="Seven batch sizes leave few degrees of freedom to a law of three parameters; one "
    "step is not a run.",
    alt="Points of ε* that rise with batch size and level off, with twelve fitted curves.",
    draw=draw,
    reading=reading,
)
