"""What is asked, whether it can be meant, and what the answer does not know.

What is certainly wrong (a batch of fewer tokens than one sequence, N and D swapped) is an
InputError; what is merely unusual is a flag beside the advice.
"""

import math
from typing import NamedTuple

import xarray as xr

from experiments.errors import InputError
from experiments.steplaw.data import SEQUENCE, WARMUP

DECAY = 0.1  # weight decay of every published run
SHORT, WARMING = 4000, 8000  # steps
LEAST_PARAMS, LEAST_TOKENS = 1e5, 1e7
SEQUENCES = 2**15  # tokens below which a batch may have been given in sequences
FEWEST_PER_PARAM = 0.1  # tokens; fewer were certainly swapped
COSTLY = 0.1  # percent of loss that a batch costs by itself


class Question(NamedTuple):
    """The arguments of `advise`."""

    params: float
    tokens: float
    batch_tokens: float | None
    weight_decay: float | None
    warmup_steps: float | None
    moe_total_params: float | None
    batch_multiple: float | None

    @property
    def size(self) -> float:
        """The N of the law: of a mixture of experts all its parameters."""
        return float(self.params if self.moe_total_params is None else self.moe_total_params)

    def checked(self) -> "Question":
        """The same; InputError for what cannot be meant."""
        for name, value in self._asdict().items():
            if value is not None:
                _number(name, value)
        words = {"params": LEAST_PARAMS, "tokens": LEAST_TOKENS}
        for name, least in words.items():
            value = getattr(self, name)
            if value < least:
                raise InputError(f"{name} {value:.4g} is below {least:.0e}: given in billions?")
        if self.tokens < FEWEST_PER_PARAM * self.params:
            raise InputError(
                f"{self.tokens:.4g} tokens for {self.params:.4g} parameters: are they swapped?"
            )
        if self.moe_total_params is not None and self.moe_total_params < self.params:
            raise InputError(
                f"all parameters ({self.moe_total_params:.4g}) are fewer than those active "
                f"({self.params:.4g}): are they swapped?"
            )
        batch = self.batch_tokens
        if batch is not None and batch < SEQUENCE:
            raise InputError(
                f"a batch of {batch:.4g} tokens is less than one sequence of {SEQUENCE}: "
                f"if {batch:.4g} are sequences, give {batch * SEQUENCE:.4g} tokens"
            )
        for name in ("batch_tokens", "batch_multiple"):
            value = getattr(self, name)
            if value is not None and value > self.tokens:
                raise InputError(
                    f"{name} {value:.4g} is more than all {self.tokens:.4g} tokens of the run"
                )
        return self

    def batch(self, best: float) -> float:
        """The batch size: as given, else the best, rounded to the multiple asked for."""
        if self.batch_tokens is not None:
            return float(self.batch_tokens)
        if self.batch_multiple is None:
            return best
        return self.batch_multiple * max(round(best / self.batch_multiple), 1)


def _number(name: str, value: object) -> None:
    may_be_zero = name in ("weight_decay", "warmup_steps")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} must be a number, not {value!r}")
    if not math.isfinite(value) or value < 0 or (value == 0 and not may_be_zero):
        least = "at least 0" if may_be_zero else "above 0"
        raise InputError(f"{name} must be finite and {least}, not {value}")


def flags_of(asked: Question, data: xr.Dataset, *, batch, best, cost, lr) -> list[str]:
    """What to know of the advice, one line each."""
    steps, flags = asked.tokens / batch, []
    flags += _beyond(data, asked.size, asked.tokens, batch)
    if asked.tokens < asked.params:
        flags.append("fewer tokens than parameters: are they swapped?")
    if asked.batch_tokens is not None and batch < SEQUENCES:
        flags.append(
            f"a batch of {batch:.4g} tokens is smaller than any of the data: "
            f"if it counts sequences, give {batch * SEQUENCE:.4g} tokens"
        )
    flags += _warming(data, steps, asked.warmup_steps)
    if cost > COSTLY:
        flags.append(f"this batch costs about {cost:.2g} % of loss against {best:.3g} tokens")
    multiple = asked.batch_multiple
    if multiple is not None and batch % multiple:
        flags.append(f"the batch given is no multiple of {multiple:.4g} tokens")
    flags += _decay(asked.weight_decay, batch, asked.tokens, lr)
    if asked.moe_total_params is not None:
        flags += _mixture(asked, data)
    return flags


def _beyond(data: xr.Dataset, n: float, d: float, batch: float) -> list[str]:
    words = {
        "N": ("N", n, "parameters"),
        "D": ("D", d, "tokens"),
        "D/N": ("D/N", d / n, "tokens per parameter"),
        "batch": ("the batch", batch, "tokens"),
    }
    found, tolerance = [], 0.01
    for axis, (name, value, unit) in words.items():
        low, high = data["advice_range"].sel(advice_axis=axis).values
        if not low * (1 - tolerance) <= value <= high * (1 + tolerance):
            found.append(
                f"extrapolation: {name} = {value:.3g} {unit}, the data have {low:.3g} to {high:.3g}"
            )
    if found:
        found.append("beyond the data neither the interval nor the expected loss is calibrated")
    return found


def _warming(data: xr.Dataset, steps: float, warmup: float | None) -> list[str]:
    found = []
    if steps < WARMING:
        short = ""
        if steps < SHORT:
            few = (data["advice_slice_D"] / data["advice_slice_batch"]).values < SHORT
            mean = float(data["advice_regret"].sel(advice_rule="advice").values[few].mean())
            short = f"; below {SHORT} steps the advice lost {mean:.2g} % on average"
        found.append(
            f"warm-up-dominated: {steps:.0f} steps, of which {WARMUP} warm-up in the data{short}"
        )
    if warmup is not None and warmup != WARMUP:
        found.append(
            f"warm-up of {warmup:.0f} steps: all data have {WARMUP}; the difference is not measured"
        )
    if warmup is not None and warmup >= steps:
        found.append(f"the warm-up is longer than the run of {steps:.0f} steps")
    return found


def _decay(decay: float | None, batch: float, tokens: float, lr: float) -> list[str]:
    if decay is None or decay == DECAY:
        return []
    memory = batch / (lr * DECAY * tokens)
    if decay == 0:
        return [
            f"weight decay 0: all data have {DECAY}, and its memory of B/(lr·λ·D) = {memory:.2g} "
            "of the run; without it nothing is measured"
        ]
    return [
        f"weight decay {decay:g}: all data have {DECAY}. lr and λ act together as "
        f"B/(lr·λ·D) = {memory:.2g}; to keep that, lr would be {lr * DECAY / decay:.3g}. "
        "Which of the two is better is not measured"
    ]


def _mixture(asked: Question, data: xr.Dataset) -> list[str]:
    all_of_them, active = data["advice_moe_regret"].values
    count = int(data["advice_moe_slices"])
    return [
        f"mixture of experts: N counts all {asked.size:.3g} parameters; on {count} slices of "
        f"mixtures the rule so lost {all_of_them:.2g} %, with those active {active:.2g} %"
    ]
