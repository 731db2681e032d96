"""Parameters of update rules: what each may be, wherever it occurs."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def _fraction(value) -> float:
    if not 0 <= float(value) < 1:
        raise ValueError
    return float(value)


def _positive(value) -> float:
    if not 0 < float(value) < np.inf:
        raise ValueError
    return float(value)


def _matrix_shape(value) -> tuple[int, int]:
    rows, columns = value
    if rows != int(rows) or columns != int(columns) or min(rows, columns) < 1:
        raise ValueError
    return int(rows), int(columns)


WANTED = {
    "beta1": (_fraction, "a number in [0, 1)"),
    "beta2": (_fraction, "a number in [0, 1)"),
    "decay_rate": (_positive, "a positive number"),
    "eps": (_positive, "a positive number"),
    "shape": (_matrix_shape, "two whole numbers (m, n) ≥ 1"),
}


def checked(name: str, rule: Callable, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of `rule` with its defaults filled in; ValueError says what is unknown,
    missing or out of range."""
    try:
        bound = inspect.signature(rule).bind(**parameters)
    except TypeError as error:
        raise ValueError(f"rule {name!r}: {error}") from None
    bound.apply_defaults()
    for key, value in bound.arguments.items():
        check, wanted = WANTED[key]
        try:
            bound.arguments[key] = check(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"rule {name!r}: {key} must be {wanted}, not {value!r}") from None
    return dict(bound.arguments)
