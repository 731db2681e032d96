"""Rival laws fitted to the measured ε*(B) of networks."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures import rivals
from figures.entry import Entry
from figures.network import measured, title

PANELS = 3


def chosen(dataset: xr.Dataset) -> list[rivals.Curve]:
    """Curves from beginning, middle and end of what was measured."""
    found = list(measured(dataset))
    places = np.unique(np.linspace(0, len(found) - 1, PANELS).round().astype(int)) if found else []
    return [
        rivals.Curve(f"{title(name)}, loss {float(part['loss']):.2g}", part)
        for name, _, part in (found[place] for place in places)
    ]


def draw(dataset: xr.Dataset) -> Figure:
    """As `rivals.draw`."""
    return rivals.picture(chosen(dataset), "onestep_network", "ε* (θ²/loss)")


def reading(dataset: xr.Dataset) -> str:
    """Which rival describes each network best."""
    return rivals.sentence(chosen(dataset), "onestep_network")


ENTRY = Entry(
    name="rivals_network",
    experiment="onestep_network",
    title="Rival laws on networks",
    caption="As the figure before, with real minibatches: a to c, measured ε*(B) of one step of "
    "sign descent and the best fit of every rival law; d, the largest error of each fit.",
    not_claimed="Seven batch sizes leave few degrees of freedom to a law of three parameters; one "
    "step is not a run.",
    alt="Points of ε* that rise with batch size and level off, with twelve fitted curves.",
    draw=draw,
    reading=reading,
)
