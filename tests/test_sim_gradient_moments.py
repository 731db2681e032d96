"""Moments of per-sample gradients against those of `vmap(grad)`, in float64, layer by layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sim import moment_sums
from sim.gradient_moments import gradient_moments, merge, moments_of_chunks
from sim.moment_sums import component_sums, components
from sim.use_rules import as_rows
from sim.uses import backward, settle, trace
from tests.sample_models import CASES, Case


def loss_of(case: Case):
    """A loss that is smooth and not even in the outputs."""

    def loss(params, sample):
        out = case.outputs(params, sample)
        return (jnp.sin(out) + out**2).mean()

    return loss


def worst(found, gradients) -> float:
    """Largest error of mean, second moment and norms, against each leaf's largest entry (or 1e-4
    of the largest of all: the gradient of attention's key bias is zero but for rounding)."""
    leaves = [np.asarray(g) for g in jax.tree.leaves(gradients)]
    norms2 = sum((g**2).reshape(len(g), -1).sum(1) for g in leaves)
    kinds = [
        (jax.tree.leaves(found.mean), [g.mean(0) for g in leaves]),
        (jax.tree.leaves(found.second), [(g**2).mean(0) for g in leaves]),
        ([found.norms2], [norms2]),
    ]
    errors = []
    for ours, true in kinds:
        least = 1e-4 * max(np.abs(b).max() for b in true)
        pairs = zip(ours, true, strict=True)
        errors += [np.abs(a - b).max() / max(np.abs(b).max(), least) for a, b in pairs]
    return float(max(errors))


def all_gradients(case: Case):
    return jax.jit(jax.vmap(jax.grad(loss_of(case)), (None, 0)))(case.params, case.samples)


@pytest.mark.parametrize("name", CASES)
def test_moments_and_norms_are_those_of_all_gradients(name):
    case = CASES[name]()
    found = gradient_moments(loss_of(case), case.params, case.samples)
    assert worst(found, all_gradients(case)) < 1e-12


@pytest.mark.parametrize("at_once", [1, 3, 9])
def test_any_chunk_gives_the_same_moments(at_once):
    case = CASES["embedding"]()  # of 5 samples
    found = gradient_moments(loss_of(case), case.params, case.samples, at_once=at_once)
    assert found.count == 5
    assert worst(found, all_gradients(case)) < 1e-12


@pytest.mark.parametrize("name", ["conv", "embedding, tied", "one layer twice"])
def test_gradients_formed_one_sample_at_a_time_add_up_to_the_same(name, monkeypatch):
    monkeypatch.setattr(moment_sums, "FORMED_AT_ONCE", 1)
    case = CASES[name]()
    loss = loss_of(case)
    assert worst(gradient_moments(loss, case.params, case.samples), all_gradients(case)) < 1e-12


@pytest.mark.parametrize("name", ["embedding", "embedding, tied", "one layer twice"])
def test_without_cross_terms_the_second_moment_would_be_wrong(name):
    """Negative control: squares summed over each use or token on its own."""
    case = CASES[name]()
    loss = loss_of(case)
    found = gradient_moments(loss, case.params, case.samples)
    program = trace(loss, case.params, case.samples[0])
    leaves = jax.tree.leaves(case.params)
    settled = settle(program, leaves)

    def one(x):
        return backward(program, settled, [x], lambda out: [jnp.ones((1, *out[0].shape))])

    @jax.jit
    def apart(samples):
        _, activations, deltas = jax.vmap(one)(samples)
        squares = [jnp.zeros(leaf.shape) for leaf in leaves]
        for component in components(program):
            for k in component.uses:
                for d in tokens_apart(program.uses[k], deltas[k]):
                    alone = component._replace(uses=(k,))
                    parts = [*deltas[:k], [d], *deltas[k + 1 :]]
                    sums = component_sums(program, alone, settled, leaves, activations, parts)
                    for i, square in zip(alone.leaves, sums.square, strict=True):
                        squares[i] += square / len(samples)
        return squares

    wrong = found._replace(second=[np.asarray(square) for square in apart(case.samples)])
    assert worst(found, all_gradients(case)) < 1e-12
    assert worst(wrong, all_gradients(case)) > 1e-2


def tokens_apart(use, deltas) -> list:
    """The δ of a look-up, one token at a time; of any other use as they are."""
    (d,) = deltas
    if as_rows(use) is None:
        return [d]
    kept = jnp.eye(d.shape[3], dtype=d.dtype)[:, None, None, None, :, None]
    return list(d * kept)


def test_long_sums_in_float32_lose_no_digits():
    x = jax.random.uniform(jax.random.key(3), (4000, 1), jnp.float32, 0.9, 1.0)
    found = gradient_moments(lambda p, s: (p * s).sum(), jnp.ones(1, jnp.float32), x, at_once=2)
    assert found.mean.dtype == found.second.dtype == jnp.float32
    exact = np.asarray(x, np.float64)
    np.testing.assert_allclose(found.mean, exact.mean(0), rtol=1.5e-7)
    np.testing.assert_allclose(found.second, (exact**2).mean(0), rtol=1.5e-7)


def test_moments_of_parts_merge_to_those_of_the_whole():
    case = CASES["dense"]()
    loss = loss_of(case)
    parts = [gradient_moments(loss, case.params, x) for x in (case.samples[:2], case.samples[2:])]
    assert worst(merge(*parts), all_gradients(case)) < 1e-12


def test_a_stream_of_chunks_gives_the_same_and_weight_0_leaves_a_sample_out():
    case = CASES["dense"]()
    x = case.samples
    chunks = [(x[:3], np.ones(3)), (jnp.stack([x[3], x[0], x[4]]), np.array([1.0, 0.0, 1.0]))]
    found = moments_of_chunks(loss_of(case), case.params, chunks)
    assert found.norms2[4] == 0
    kept = found._replace(norms2=jnp.delete(found.norms2, 4))
    assert kept.count == 5
    assert worst(kept, all_gradients(case)) < 1e-12


def test_the_same_call_gives_the_same_bits():
    case = CASES["embedding, tied"]()
    runs = [gradient_moments(loss_of(case), case.params, case.samples) for _ in range(2)]
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, *runs)))


@pytest.mark.parametrize(
    ("loss", "params", "samples", "message"),
    [
        (lambda p, x: p * x, jnp.ones(2), jnp.ones((3, 2)), "must be a scalar"),
        (lambda p, x: (p * x).sum(), jnp.ones(2, int), jnp.ones((3, 2)), "floating-point"),
        (lambda p, x: (p * x).sum(), jnp.ones(2), jnp.ones((0, 2)), "leading axis"),
        (lambda p, x: (p * x[0]).sum(), jnp.ones(2), (jnp.ones(3), jnp.ones(4)), "leading axis"),
        (lambda p, _: (p**2).sum(), jnp.ones(2), jnp.ones((3, 2)), "depend on the sample"),
        (lambda _, x: (x**2).sum(), jnp.ones(2), jnp.ones((3, 2)), "both parameters and sample"),
    ],
)  # fmt: skip
def test_what_has_no_moments_is_refused(loss, params, samples, message):
    with pytest.raises(ValueError, match=message):
        gradient_moments(loss, params, samples)


def test_a_chunk_has_at_least_one_sample():
    case = CASES["dense"]()
    with pytest.raises(ValueError, match="at_once"):
        gradient_moments(loss_of(case), case.params, case.samples, at_once=0)
