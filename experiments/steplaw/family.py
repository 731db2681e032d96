"""One law fitted in many ways: to resampled cells, to other estimates of the optima, in shapes
about as good.  What they disagree about is what the data do not tell.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from experiments.steplaw.ends import Tail, bounds_of, end_regrets
from experiments.steplaw.points import Points
from experiments.steplaw.selection import Choice
from experiments.steplaw.shapes import BATCH_SHAPES, RATE_SHAPES, Shape, design, fitted, log_lr

AS_GOOD = 1.5  # times the best shape's regret left out: about as good
KINDS = {"lr": RATE_SHAPES, "batch": BATCH_SHAPES}


class Family(NamedTuple):
    """`shapes`: all of its kind; `name`: the chosen one; `copies` (R, p): by resampled cells;
    `estimates` (E, p): to the optima themselves first, then to other estimates; `alike`: name →
    (p,), shapes about as good, the chosen one among them; `tail`: what continues it beyond
    the data, if not itself."""

    shapes: Mapping[str, Shape]
    name: str
    copies: np.ndarray
    estimates: np.ndarray
    alike: Mapping[str, np.ndarray]
    tail: Tail | None

    def predict(self, n, d, batch) -> list[np.ndarray]:
        """ln of the optimum by copies (R, P), estimates (E, P) and shapes (H, P).

        n, d: (P,); batch: (P,), or a list of three with rows for each member of those groups.
        """
        batches = batch if isinstance(batch, list) else [batch] * 3
        found = [
            self._chosen(theta, n, d, size, alone)
            for theta, size, alone in zip(
                (self.copies, self.estimates), batches[:2], (False, True), strict=True
            )
        ]
        rows = np.broadcast_to(batches[2], (len(self.alike), *np.shape(n)))
        each = [
            log_lr(design(self.shapes[name], n, d, row), theta[None])[0]
            for (name, theta), row in zip(self.alike.items(), rows, strict=True)
        ]
        return [*found, np.array(each)]

    def _chosen(self, theta, n, d, batch, alone: bool) -> np.ndarray:
        """The chosen shape, continued; `alone`: by the tail as fitted, not by its own copies."""
        shape, tail = self.shapes[self.name], self.tail
        if tail is None:
            return log_lr(design(shape, n, d, batch), theta)
        value = log_lr(design(shape, *tail.inside(n, d, batch)), theta)
        other = np.broadcast_to(tail.theta, (len(theta), len(tail.theta)))
        change = tail.beyond(self.shapes[tail.name], other if alone else tail.copies, n, d, batch)
        return value + change


def variance(members: list[np.ndarray], counted: np.ndarray | None = None) -> np.ndarray:
    """(P,) of copies, of estimates and of shapes, added; `counted` (R, P): which copies are."""
    copies, *others = members
    if counted is None:
        first = copies.var(0)
    else:
        first = np.where(counted, copies, np.nan)
        first = np.nan_to_num(np.nanvar(first, 0)) if counted.any(0).all() else copies.var(0)
    return first + sum(group.var(0) for group in others)


def joint(rates: Family, sizes: Family, n, d) -> list[np.ndarray]:
    """ln lr at each member's own best batch.  Members of the two families are paired by their
    resample and by their estimator; every shape of the rate goes with the chosen one of B*."""
    copies, estimates, _ = (np.exp(group) for group in sizes.predict(n, d, np.ones_like(n)))
    fewest = min(len(rates.estimates), len(estimates))
    rows = np.concatenate([estimates[:fewest], *[estimates[:1]] * (len(rates.estimates) - fewest)])
    return rates.predict(n, d, [copies, rows, estimates[0]])


def family(kind: str, points: Points, choice: Choice, draws: np.ndarray, others) -> Family:
    """`draws` (R, C): how often each cell is drawn; `others`: name → (target, weight), (P,)."""
    shapes = KINDS[kind]
    rank = sorted(zip(choice.rms, shapes, strict=True))
    alike = [name for rms, name in rank if rms <= AS_GOOD * rank[0][0]]

    def fit(name: str, target, weight, start=None) -> np.ndarray:
        at = design(shapes[name], points.n, points.d, points.batch)
        return fitted(at, target, weight, start)

    by_shape = {name: fit(name, points.target, points.weight)[0] for name in alike}
    theta = by_shape[choice.name]
    estimates = [theta, *(fit(choice.name, t, w, theta)[0] for t, w in others.values())]
    copies = fit(choice.name, points.target, points.weight * draws[:, points.cell], theta)
    tail = None
    if kind == "lr":
        rms = end_regrets(points, shapes, choice.name)
        name = list(shapes)[int(rms.argmin())]
        own = fit(name, points.target, points.weight)[0]
        own_copies = fit(name, points.target, points.weight * draws[:, points.cell], own)
        tail = Tail(name, bounds_of(points), own, own_copies, rms)
    return Family(shapes, choice.name, copies, np.array(estimates), by_shape, tail)


def stored(kind: str, found: Family) -> dict:
    """The variables that `recalled` reads."""
    longest = max(len(theta) for theta in found.alike.values())
    table = [np.pad(t, (0, longest - len(t)), constant_values=np.nan) for t in found.alike.values()]
    key, tail = f"advice_{kind}", {}
    if found.tail is not None:
        tail = {
            f"{key}_tail": found.tail.name,
            f"{key}_bounds": (("advice_end", "advice_bounded"), found.tail.bounds),
            f"{key}_tail_rms": ("advice_tried", found.tail.rms),
            f"{key}_tail_theta": (f"{key}_tail_p", found.tail.theta),
            f"{key}_tail_copies": (
                ("advice_resample", f"{key}_tail_p"),
                found.tail.copies.astype(np.float32),
            ),
        }
    return tail | {
        f"{key}_name": found.name,
        f"{key}_alike": (f"{key}_shape", list(found.alike)),
        f"{key}_alike_theta": ((f"{key}_shape", f"{key}_longest"), np.array(table)),
        f"{key}_term": (f"{key}_p", list(found.shapes[found.name].names)),
        f"{key}_copies": (("advice_resample", f"{key}_p"), found.copies.astype(np.float32)),
        f"{key}_estimates": ((f"{key}_estimate", f"{key}_p"), found.estimates),
    }


def recalled(kind: str, dataset: xr.Dataset) -> Family:
    """A family from a recorded dataset."""
    key, shapes = f"advice_{kind}", KINDS[kind]
    names = [str(name) for name in dataset[f"{key}_alike"].values]
    rows = dataset[f"{key}_alike_theta"].values
    alike = {n: row[: len(shapes[n].names)] for n, row in zip(names, rows, strict=True)}
    tail = None
    if f"{key}_tail" in dataset:
        tail = Tail(
            str(dataset[f"{key}_tail"].values),
            dataset[f"{key}_bounds"].values,
            dataset[f"{key}_tail_theta"].values,
            dataset[f"{key}_tail_copies"].values.astype(float),
            dataset[f"{key}_tail_rms"].values,
        )
    return Family(
        shapes,
        str(dataset[f"{key}_name"].values),
        dataset[f"{key}_copies"].values.astype(float),
        dataset[f"{key}_estimates"].values,
        alike,
        tail,
    )
