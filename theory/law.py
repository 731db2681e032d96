"""A law of the theory: one SymPy expression of scalars, from which all else is printed.

The same expression is compiled to JAX, drawn as LaTeX and MathML and written as JavaScript,
so that no formula is typed twice. Sums over coordinates are arguments of a law (T, Q, S, ...),
not part of it: they are taken by the one assembly in `theory.descent`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import sympy as sp

from theory.latex import latex
from theory.mathml import mathml

SPECIAL = {"erf": jsp.erf, "erfc": jsp.erfc, "erfinv": jsp.erfinv}
JAVASCRIPT_NAMES = {"erf": "erf", "erfc": "erfc", "erfinv": "erfinv"}


class Hypothesis(NamedTuple):
    """A condition without which a statement may fail."""

    name: str
    text: str


@dataclass(frozen=True)
class Law:
    """One formula with the conditions under which it is true.

    `args` are the symbols in the order in which `jax` takes them, `source` names paper and
    equation, `holds` lists the hypotheses.
    """

    name: str
    args: tuple[sp.Symbol, ...]
    expr: sp.Expr
    source: str
    holds: tuple[Hypothesis, ...]
    title: str

    def __post_init__(self) -> None:
        loose = self.expr.free_symbols ^ set(self.args)
        if loose:
            raise ValueError(f"law {self.name}: expression and arguments differ by {loose}")

    def __call__(self, *args: Any) -> Any:
        """The law's expression with other expressions in place of its arguments."""
        return self.expr.subs(dict(zip(self.args, args, strict=True)), simultaneous=True)

    def at(self, *args: Any) -> Any:
        """The same, unevaluated: the law with its arguments written beside it."""
        pairs = [pair for pair in zip(self.args, args, strict=True) if pair[0] != pair[1]]
        return sp.Subs(self.expr, *zip(*pairs, strict=True))

    def jax(self, *args: jax.typing.ArrayLike) -> jax.Array:
        """The law's value; arguments broadcast. Works under `jit`, `vmap` and `grad`.

        Integers are promoted to JAX's default float; float32 arguments give a float32 value.
        """
        if len(args) != len(self.args):
            raise TypeError(f"law {self.name} takes {len(self.args)} arguments, not {len(args)}")
        return _compiled(self.args, self.expr)(*map(_floating, args))

    def latex(self) -> str:
        """The right-hand side as LaTeX."""
        return latex(self.expr)

    def javascript(self) -> str:
        """The right-hand side as a JavaScript expression of the arguments' names.

        The page must supply `erf`, `erfc` and `erfinv`, which JavaScript lacks.
        """
        return str(sp.jscode(self.expr, user_functions=JAVASCRIPT_NAMES))

    def mathml(self) -> str:
        """The right-hand side as presentation MathML (a `<math>` element)."""
        return mathml(self.expr)


@cache
def _compiled(args: tuple[sp.Symbol, ...], expr: sp.Expr) -> Callable[..., jax.Array]:
    return sp.lambdify(args, expr, modules=[SPECIAL, "jax"], cse=True)


def _floating(value: jax.typing.ArrayLike) -> jax.Array:
    array = jnp.asarray(value)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)
