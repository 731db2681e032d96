"""Where a model's parameters meet its data.

A function of (params, sample), for ONE sample, is traced to a list of equations.  Every value is
constant, derived from parameters alone, or derived from data.  An equation that takes both kinds is
a **use** of its parameters.  With p_k added to the result of use k and held at zero, δ_k = ∂L/∂p_k
is all that the gradient needs besides the use's data inputs a_k:

    ∂L/∂θ = Σ_k (∂φ_k/∂θ)ᵀ (∂use_k/∂φ_k at a_k)ᵀ δ_k,

φ_k(θ) the parameter-derived inputs of use k.  That is the chain rule, right for any equation.
Calls are opened, except those with a derivative of their own, loops and branches: each is one use.

Source: Goodfellow 2015 (arXiv:1510.01799) for dense layers; here on the equations of any program.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import JaxprEqn, Literal

OPENED = ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2")


class Step(NamedTuple):
    """An equation and the places of its inputs and outputs in the list of all values."""

    equation: JaxprEqn
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Use(NamedTuple):
    """A step that takes parameters and data: which of its inputs are differentiable functions of
    parameters, which are data, and which of its outputs have a derivative."""

    step: Step
    operands: tuple[int, ...]
    data: tuple[int, ...]
    floating: tuple[int, ...]


class Program(NamedTuple):
    """`derived` steps need no sample, `following` steps do; the rest are places of values."""

    derived: tuple[Step, ...]
    following: tuple[Step, ...]
    uses: tuple[Use, ...]
    constants: dict[int, Any]
    leaves: tuple[int, ...]
    samples: tuple[int, ...]
    outputs: tuple[int, ...]


Values = dict[int, Any]


def trace(function: Callable, params, sample) -> Program:
    """The program of `function(params, sample)` → pytree of arrays.

    `params` and `sample` may be arrays or shapes.  Raises ValueError when a parameter is not a
    floating-point array or an output does not depend on the sample.
    """
    leaves = jax.tree.leaves(params)
    if not leaves or not all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        raise ValueError("params must be a pytree of floating-point arrays")
    jaxpr = jax.make_jaxpr(function)(params, sample)
    steps: list[Step] = []
    constants: Values = {}
    places = list(range(len(jaxpr.in_avals)))
    outputs = _opened(jaxpr, places, steps, constants, iter(range(len(places), 10**9)))
    steps = _needed(steps, outputs)
    first = len(leaves)
    return _sorted(steps, constants, tuple(places[:first]), tuple(places[first:]), outputs)


def _opened(jaxpr, inputs, steps: list[Step], constants: Values, fresh) -> tuple[int, ...]:
    """Append the equations of `jaxpr`, calls opened; the places of its outputs."""
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    where: dict[Any, int] = dict(zip(inner.invars, inputs, strict=True))

    def constant(value) -> int:
        place = next(fresh)
        constants[place] = value
        return place

    def place(atom) -> int:
        return constant(atom.val) if isinstance(atom, Literal) else where[atom]

    consts = getattr(jaxpr, "consts", ())
    where.update((v, constant(c)) for v, c in zip(inner.constvars, consts, strict=True))
    for equation in inner.eqns:
        given = tuple(map(place, equation.invars))
        if equation.primitive.name in OPENED:
            body = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            made = _opened(body, given, steps, constants, fresh)
        else:
            made = tuple(next(fresh) for _ in equation.outvars)
            steps.append(Step(equation, given, made))
        where.update(zip(equation.outvars, made, strict=True))
    return tuple(map(place, inner.outvars))


def _needed(steps: list[Step], outputs) -> list[Step]:
    wanted, kept = set(outputs), []
    for step in reversed(steps):
        if wanted.intersection(step.outputs):
            wanted.update(step.inputs)
            kept.append(step)
    return kept[::-1]


def _sorted(steps, constants, leaves, samples, outputs) -> Program:
    from_data, from_leaves = set(samples), set(leaves)
    derived, following, uses = [], [], []
    for step in steps:
        if from_data.isdisjoint(step.inputs):
            derived.append(step)
            if not from_leaves.isdisjoint(step.inputs):
                from_leaves.update(step.outputs)
            continue
        following.append(step)
        from_data.update(step.outputs)
        use = _use(step, from_leaves, from_data)
        if use.operands and use.floating:
            uses.append(use)
    if not from_data.issuperset(outputs):
        raise ValueError("an output does not depend on the sample")
    if not uses:
        raise ValueError("no output depends on both parameters and sample")
    return Program(
        tuple(derived), tuple(following), tuple(uses), constants, leaves, samples, outputs
    )


def _use(step: Step, from_leaves: set[int], from_data: set[int]) -> Use:
    atoms = step.equation.invars
    operands = (i for i, p in enumerate(step.inputs) if p in from_leaves and _floating(atoms[i]))
    data = (i for i, p in enumerate(step.inputs) if p in from_data)
    floating = (i for i, variable in enumerate(step.equation.outvars) if _floating(variable))
    return Use(step, tuple(operands), tuple(data), tuple(floating))


def kind(atom) -> jax.ShapeDtypeStruct:
    """Shape and dtype of an equation's input or output."""
    aval: Any = atom.aval
    return jax.ShapeDtypeStruct(getattr(aval, "shape", ()), getattr(aval, "dtype", np.bool_))


def _floating(atom) -> bool:
    return jnp.issubdtype(kind(atom).dtype, jnp.floating)


def evaluate(equation: JaxprEqn, inputs: Sequence) -> list:
    """The outputs of one equation."""
    parameters = equation.primitive.get_bind_params(equation.params)
    with equation.ctx.manager:
        made = equation.primitive.bind(*inputs, **parameters)
    return list(made) if equation.primitive.multiple_results else [made]


def settle(program: Program, leaves: Sequence) -> Values:
    """All values that need no sample, at parameters `leaves`."""
    values = program.constants | dict(zip(program.leaves, leaves, strict=True))
    for step in program.derived:
        made = evaluate(step.equation, [values[i] for i in step.inputs])
        values.update(zip(step.outputs, made, strict=True))
    return values


def follow(program: Program, settled: Values, sample: Sequence, perturbations):
    """Outputs for one sample, and each use's data inputs; `perturbations[k]` is added to the
    floating-point outputs of use k."""
    values = settled | dict(zip(program.samples, sample, strict=True))
    by_step = {
        use.step.outputs: (use, p) for use, p in zip(program.uses, perturbations, strict=True)
    }
    for step in program.following:
        made = evaluate(step.equation, [values[i] for i in step.inputs])
        if step.outputs in by_step:
            use, added = by_step[step.outputs]
            for i, p in zip(use.floating, added, strict=True):
                made[i] = made[i] + p
        values.update(zip(step.outputs, made, strict=True))
    activations = [[values[use.step.inputs[i]] for i in use.data] for use in program.uses]
    return [values[i] for i in program.outputs], activations


def unperturbed(program: Program) -> list[list[Array]]:
    """Zeros of the shape of every use's floating-point outputs."""
    made = ([kind(use.step.equation.outvars[i]) for i in use.floating] for use in program.uses)
    return [[jnp.zeros(one.shape, one.dtype) for one in outputs] for outputs in made]


def backward(program: Program, settled: Values, sample: Sequence, cotangents: Callable):
    """Outputs, activations a and δ of one sample, for each row of `cotangents(outputs)`.

    `cotangents` maps the list of outputs to a list of arrays, each with a leading axis (c,) more
    than the output it belongs to; so have the δ.
    """

    def run(perturbations):
        return follow(program, settled, sample, perturbations)

    outputs, pull, activations = jax.vjp(run, unperturbed(program), has_aux=True)
    (deltas,) = jax.vmap(pull)(cotangents(outputs))
    return outputs, activations, deltas


def pulled_back(use: Use, settled: Values, activations: Sequence, deltas: Sequence) -> list:
    """(∂use/∂φ)ᵀδ of one sample, for each operand φ."""
    fixed = {i: settled[p] for i, p in enumerate(use.step.inputs) if i not in use.data}
    fixed |= dict(zip(use.data, activations, strict=True))

    def apply(operands):
        inputs = fixed | dict(zip(use.operands, operands, strict=True))
        return evaluate(use.step.equation, [inputs[i] for i in range(len(inputs))])

    made, pull = jax.vjp(apply, [fixed[i] for i in use.operands])
    cotangents: list = [np.zeros(out.shape, jax.dtypes.float0) for out in made]
    for i, delta in zip(use.floating, deltas, strict=True):
        cotangents[i] = delta
    return pull(cotangents)[0]
