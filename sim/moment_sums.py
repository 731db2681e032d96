"""Sums over samples of gradients and of their squares, leaf by leaf, from activations and δ.

Leaves that share a use are treated together.  A leaf alone in one use, laid out anew at most on its
way there, has a closed form where the use is a matrix product with one position per sample,
Σ_b g² = (A∘A)ᵀ(D∘D), or a look-up of rows.  All others have the gradients of a few samples formed
at a time, squared and added up.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from sim.use_rules import Product, Rows, as_product, as_rows, product
from sim.uses import Program, Use, Values, evaluate, pulled_back

FORMED_AT_ONCE = 2**19  # numbers: gradients of a few samples, and what they are made of, in cache
REARRANGEMENTS = ("reshape", "transpose", "squeeze", "slice", "rev", "convert_element_type", "copy")


class Sums(NamedTuple):
    """Per leaf Σ g and Σ g²; per sample |g|² over all leaves (b,).  Sums over rows c included."""

    total: list[Array]
    square: list[Array]
    norms2: Array


class Component(NamedTuple):
    """Leaves (numbers) and uses (numbers) that hang together, and the steps between them."""

    leaves: tuple[int, ...]
    uses: tuple[int, ...]
    steps: tuple[int, ...]


def components(program: Program) -> list[Component]:
    """The leaves that have a use, grouped so that no use takes leaves of two groups."""
    reach = [_reach(program, use) for use in program.uses]
    groups: list[Component] = []
    for k, (leaves, steps) in enumerate(reach):
        touching = [group for group in groups if not leaves.isdisjoint(group.leaves)]
        groups = [group for group in groups if group not in touching]
        groups.append(
            Component(
                tuple(sorted(leaves.union(*(group.leaves for group in touching)))),
                (*(use for group in touching for use in group.uses), k),
                tuple(sorted(steps.union(*(group.steps for group in touching)))),
            )
        )
    return groups


def _reach(program: Program, use: Use) -> tuple[set[int], set[int]]:
    """Leaves that a use's operands come from, and the derived steps on the way."""
    wanted = {use.step.inputs[i] for i in use.operands}
    steps = set()
    for i, step in reversed(list(enumerate(program.derived))):
        if wanted.intersection(step.outputs):
            wanted.update(step.inputs)
            steps.add(i)
    return {i for i, place in enumerate(program.leaves) if place in wanted}, steps


def operands_of(program: Program, component: Component, settled: Values) -> Callable:
    """φ: the component's leaves → the operands of its uses."""

    def derive(leaves):
        values = settled | {
            program.leaves[i]: leaf for i, leaf in zip(component.leaves, leaves, strict=True)
        }
        for i in component.steps:
            step = program.derived[i]
            made = evaluate(step.equation, [values[p] for p in step.inputs])
            values.update(zip(step.outputs, made, strict=True))
        uses = (program.uses[k] for k in component.uses)
        return [[values[use.step.inputs[i]] for i in use.operands] for use in uses]

    return derive


def moment_sums(program: Program, settled: Values, leaves: Sequence, activations, deltas) -> Sums:
    """Sums over a chunk of b samples: a (b, …) and δ (b, c, …) of every use."""
    total = [jnp.zeros_like(leaf) for leaf in leaves]
    square = [jnp.zeros_like(leaf) for leaf in leaves]
    norms2 = jnp.zeros(jax.tree.leaves(deltas)[0].shape[0], leaves[0].dtype)
    for component in components(program):
        found = component_sums(program, component, settled, leaves, activations, deltas)
        for i, t, s in zip(component.leaves, found.total, found.square, strict=True):
            total[i], square[i] = t.astype(total[i].dtype), s.astype(square[i].dtype)
        norms2 = norms2 + found.norms2
    return Sums(total, square, norms2)


def component_sums(program, component, settled, leaves, activations, deltas) -> Sums:
    own = [leaves[i] for i in component.leaves]
    operands, pull = jax.vjp(operands_of(program, component, settled), own)
    if _rearranged(program, component):
        found = _closed_form(program.uses[k := component.uses[0]], activations[k], deltas[k][0])
        if found is not None:
            total, square = (pull([[part]])[0] for part in (found.total[0], found.square[0]))
            return Sums(total, square, found.norms2)

    def gradients(sample):
        """Of one sample, (c, …) per leaf."""
        a, d = sample
        parts = [
            _operand_gradients(program.uses[k], settled, a_k, d_k)
            for k, a_k, d_k in zip(component.uses, a, d, strict=True)
        ]
        return jax.vmap(pull)(parts)[0]

    a, d = ([values[k] for k in component.uses] for values in (activations, deltas))
    return _added_up(gradients, (a, d), max(_size(own), _size(operands)))


def _closed_form(use: Use, activations, d) -> Sums | None:
    """Of the operand of a use that is alone, where there is one."""
    if product_form := as_product(use):
        return _product_sums(product_form, activations[0], d)
    if rows_form := as_rows(use):
        return _row_sums(rows_form, activations[0], d)
    return None


def _size(tree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _rearranged(program: Program, component: Component) -> bool:
    """One leaf, one operand of one use, and only its layout differs: squares move as it does."""
    if len(component.leaves) != 1 or len(component.uses) != 1:
        return False
    names = {program.derived[i].equation.primitive.name for i in component.steps}
    return len(program.uses[component.uses[0]].operands) == 1 and names.issubset(REARRANGEMENTS)


def _operand_gradients(use: Use, settled: Values, a, d) -> list:
    """(∂use/∂φ)ᵀδ of one sample for each row of δ (c, …)."""
    form = as_product(use)
    if form is None:
        return jax.vmap(lambda row: pulled_back(use, settled, a, row))(d)
    rows = form.rows(a[0])
    return [jax.vmap(lambda row: form.restored(product(rows, form.columns(row))))(d[0])]


def _product_sums(form: Product, a, d) -> Sums:
    """Of a lone matrix product: A (b, g, t, k) and D (b, c, g, t, o) → (g, k, o), restored."""
    rows, columns = jax.vmap(form.rows), jax.vmap(jax.vmap(form.columns))
    _, g, t, k = jax.eval_shape(rows, a).shape
    if t == 1:
        found = _one_position(rows(a)[:, :, 0], columns(d)[:, :, :, 0])
    else:
        o = jax.eval_shape(columns, d).shape[-1]
        found = _added_up(partial(_positions_summed, form), (a, d), g * k * (o + t))
    return Sums([form.restored(found.total[0])], [form.restored(found.square[0])], found.norms2)


def _positions_summed(form: Product, sample) -> list[Array]:
    """The gradients (c, g, k, o) of one sample."""
    a, d = sample
    rows = form.rows(a)
    return [jax.vmap(lambda row: product(rows, form.columns(row)))(d)]


def _one_position(a, d) -> Sums:
    """A (b, g, k), D (b, c, g, o): Σ g = AᵀΣ_c D, Σ g² = (A∘A)ᵀΣ_c(D∘D), |g|² = |a|²|δ|²."""
    a2, d2 = a**2, (d**2).sum(1)

    def over_samples(x, y):
        return jnp.einsum("bgk,bgo->gko", x, y, precision=lax.Precision.HIGHEST)

    norms2 = (a2.sum(2) * d2.sum(2)).sum(1)
    return Sums([over_samples(a, d.sum(1))], [over_samples(a2, d2)], norms2)


def _row_sums(form: Rows, a, d) -> Sums:
    """Of a lone look-up.  Tokens that are equal within a sample add up: with E (t, t) of ones where
    they are, Σ g² at a row is the sum over its tokens of (Eδ)∘δ."""
    index = jax.vmap(form.indices)(a)
    d = jax.vmap(jax.vmap(form.columns))(d)
    inside = (index >= 0) & (index < form.shape[0])
    index = jnp.where(inside, index, 0)
    d = d * inside[:, None, :, None].astype(d.dtype)
    same = (index[:, :, None] == index[:, None, :]).astype(d.dtype)
    added = jnp.einsum("bst,bcto->bcso", same, d, precision=lax.Precision.HIGHEST)
    squares = (added * d).sum(1)

    def scattered(values):
        table = jnp.zeros(form.shape, values.dtype)
        return table.at[index.reshape(-1)].add(values.reshape(-1, form.shape[1]))

    return Sums([scattered(d.sum(1))], [scattered(squares)], squares.sum((1, 2)))


def _added_up(gradients: Callable, samples, size: int) -> Sums:
    """Sums over samples whose gradients, `size` numbers per row c, are formed a few at a time."""
    b, rows = (leaf.shape[:2] for leaf in jax.tree.leaves(samples[1])).__next__()
    limit = max(1, FORMED_AT_ONCE // max(size * rows, 1))
    few = max(m for m in range(1, b + 1) if b % m == 0 and m <= limit)

    def sums(part) -> Sums:
        formed = jax.vmap(gradients)(part)
        norms2 = [(g**2).reshape(few, -1).sum(1) for g in formed]
        return Sums(
            [g.sum((0, 1)) for g in formed],
            [(g**2).sum((0, 1)) for g in formed],
            sum(norms2[1:], norms2[0]),
        )

    if few == b:
        return sums(samples)

    def add(carry, part):
        found = sums(part)
        return jax.tree.map(jnp.add, carry, (found.total, found.square)), found.norms2

    parts = jax.tree.map(lambda x: x.reshape(b // few, few, *x.shape[1:]), samples)
    shapes = jax.eval_shape(sums, jax.tree.map(lambda x: x[0], parts))
    start = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (shapes.total, shapes.square))
    (total, square), norms2 = lax.scan(add, start, parts)
    return Sums(total, square, norms2.reshape(-1))
