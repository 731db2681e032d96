"""Advice: a learning rate and a batch size for a model and its tokens, with what is not known.

    from experiments.advise import advise
    advise(params=1.07e9, tokens=1e11).lr.value

Read from the recorded dataset of the experiment `steplaw` (its part `advice`), so that no data
folder is needed.  The interval is of 90 %, calibrated leaving one cell out.  The box is where the
loss stays within 0.25 % of its best: in lr at the advised batch, in batch with lr following.
What holds for runs like the published ones (AdamW, weight decay 0.1, 2,000 steps of warm-up, cosine
to 1e-5) is flagged where the question is another.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from experiments.advise_checks import DECAY, Question, flags_of
from experiments.advise_recorded import recorded
from experiments.advise_rivals import rival_rates
from experiments.steplaw.family import Family, joint, recalled, variance
from experiments.steplaw.points import PLATEAU, expected_loss, width_at
from experiments.steplaw.shapes import D_0, N_0

OUT = Path("out")


class Range(NamedTuple):
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float


class Advice(NamedTuple):
    """`lr` (peak), `batch_tokens`; `box`: ends of lr and of batch_tokens within 0.25 % of the best
    loss; `regret_percent`: expected loss above the best at this batch or, where the batch is
    advised too, above the best of all; `flags`; `rule`; `rivals`: name → lr."""

    lr: Range
    batch_tokens: Range
    box: dict[str, Any]
    regret_percent: float
    flags: list[str]
    rule: str
    rivals: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Of plain numbers, lists and dictionaries."""
        return self._asdict() | {k: getattr(self, k)._asdict() for k in ("lr", "batch_tokens")}


def advise(
    *,
    params: float,
    tokens: float,
    batch_tokens: float | None = None,
    weight_decay: float | None = None,
    warmup_steps: float | None = None,
    moe_total_params: float | None = None,
    batch_multiple: float | None = None,
    dataset: xr.Dataset | None = None,
) -> Advice:
    """Advice for `params` (without embeddings; of a mixture of experts those active, with
    `moe_total_params` all of them) trained on `tokens`.

    `batch_tokens`: the batch is given and not advised; `batch_multiple`: an advised one is rounded
    to a multiple of so many tokens; `dataset`: in place of the recorded one.
    Errors: InputError for what cannot be meant, or if there is no dataset.
    """
    asked = Question(
        params, tokens, batch_tokens, weight_decay, warmup_steps, moe_total_params, batch_multiple
    ).checked()
    data = recorded(OUT) if dataset is None else dataset
    rates, sizes = recalled("lr", data), recalled("batch", data)
    n, d, one = np.array([asked.size]), np.array([float(tokens)]), np.ones(1)
    size_error, best = variance(sizes.predict(n, d, one)), _best(sizes, n, d, one)
    batch = asked.batch(best)
    at = np.array([batch])
    value, given = _best(rates, n, d, at), batch_tokens is not None
    error = variance(rates.predict(n, d, at))
    total = error if given else variance(joint(rates, sizes, n, d))
    half = _half(data, "lr" if given else "star", total)
    widths = [
        width_at(data[f"advice_{kind}_width"].values, n, d, where)
        for kind, where in (("lr", at), ("batch", one))
    ]
    cost = float(np.interp(np.log(batch / best), data["advice_cost_at"], data["advice_cost"]))
    regret = _expected(data, "lr", widths[0], error)
    regret += 0.0 if given else _expected(data, "batch", widths[1], size_error) + cost
    box = {
        "percent": PLATEAU,
        "lr": _ends(value, widths[0]),
        "batch_tokens": _ends(best, widths[1]),
    }
    decay = DECAY if weight_decay is None else weight_decay
    return Advice(
        _interval(value, half),
        _interval(batch, 0.0 if given else _half(data, "batch", size_error)),
        box,
        regret,
        flags_of(asked, data, batch=batch, best=best, cost=cost, lr=value),
        rule_of(rates, data),
        rival_rates(asked.size, float(tokens), batch, decay),
    )


def _best(found: Family, n, d, batch) -> float:
    return float(np.exp(found.predict(n, d, batch)[1][0, 0]))


def _half(data: xr.Dataset, kind: str, error: np.ndarray) -> float:
    """Half the interval of a logarithm."""
    scatter = float(data[f"advice_{kind}_scatter"])
    return float(data[f"advice_{kind}_factor"]) * float(np.sqrt(error[0] + scatter**2))


def _expected(data: xr.Dataset, kind: str, width: np.ndarray, error: np.ndarray) -> float:
    """Percent of loss, on average over what is not known."""
    scatter = float(data[f"advice_{kind}_scatter"])
    return float(data[f"advice_{kind}_share"]) * float(expected_loss(width, error + scatter**2)[0])


def _interval(value: float, half: float) -> Range:
    return Range(value, value * float(np.exp(-half)), value * float(np.exp(half)))


def _ends(value: float, width: np.ndarray) -> dict[str, float]:
    low, high = value * np.exp([-width[0, 0], width[1, 0]])
    return {"low": float(low), "high": float(high)}


def rule_of(rates: Family, data: xr.Dataset) -> str:
    """The rule behind the learning rate, in one line."""
    terms = dict(zip(rates.shapes[rates.name].names, rates.estimates[0], strict=True))
    beyond = f"; beyond the data {_words(rates.tail.name)}" if rates.tail else ""
    found = (
        f"lr: {_words(rates.name)}, fitted to {data.sizes['advice_slice']} best rates in "
        f"{data.sizes['advice_cell']} grids{beyond}; near the middle of the data "
        f"{np.exp(terms['eps_1']):.2g} (N/{N_0:.0e})^{terms['eps_N']:.2f} "
        f"(D/{D_0:.0e})^{terms['eps_D']:.2f}"
    )
    return found.replace("e+0", "e").replace("e+", "e")


def _words(shape: str) -> str:
    """A shape's name, in a sentence."""
    kind, *more = shape.split(", ")
    scales = "curved in ln N and ln D" if "curved" in more else "powers of N and D"
    words = f"{kind} in B, its scales {scales}"
    if kind == "quadratic":
        words = "quadratic in ln N, ln D and ln B"
    return words + " with a term for the share of warm-up" * ("warm" in more)
