"""The figures, in the order of the report: a new figure is a new file and a new line here."""

from collections.abc import Mapping

from figures import (
    existence,
    network,
    network_ratio,
    residuals,
    rivals,
    rivals_network,
    saturation,
    sgd,
    surge,
)
from figures.entry import Entry

FIGURES: Mapping[str, Entry] = {
    module.ENTRY.name: module.ENTRY
    for module in (
        surge,
        sgd,
        residuals,
        saturation,
        existence,
        network,
        network_ratio,
        rivals,
        rivals_network,
    )
}
