"""Curves of a law of the theory for a figure: its SymPy expression evaluated by NumPy and SciPy.

The expression is that of `theory.LAWS`; nothing is typed twice, and no accelerator is woken up.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import sympy as sp

from theory import LAWS


@cache
def curve(name: str) -> Callable[..., np.ndarray]:
    """The law called `name` as a function of its arguments, which broadcast."""
    law = LAWS[name]
    return sp.lambdify(law.args, law.expr, modules=["scipy", "numpy"])
