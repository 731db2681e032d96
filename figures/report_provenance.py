"""Where the numbers of the report come from: the attributes that each dataset carries."""

from collections.abc import Mapping
from html import escape

import xarray as xr


def provenance_lists(datasets: Mapping[str, xr.Dataset]) -> str:
    """Per experiment: versions, device, commit, configuration, and the sizes of the grid."""
    if not datasets:
        return '<p class="soft">No finished dataset was found.</p>'
    return "\n".join(_list(name, dataset) for name, dataset in datasets.items())


def _list(name: str, dataset: xr.Dataset) -> str:
    entries = {str(key): str(value) for key, value in dataset.attrs.items()}
    entries["sizes"] = ", ".join(f"{dim} {size}" for dim, size in dataset.sizes.items())
    if "draws" in dataset:
        entries["pairs of draws"] = f"{int(dataset['draws'].sum()):,}".replace(",", " ")
    rows = "\n".join(
        f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in entries.items()
    )
    return f"<h3>{escape(name)}</h3>\n<dl>\n{rows}\n</dl>"
