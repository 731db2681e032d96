"""A model of one's own measured, against all its per-sample gradients and its explicit Hessian."""

from functools import cache

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.stats import norm

from sim.network_measure import measure_loss, measure_network
from sim.sample_losses import ModelLoss, flat

FALSE_ALARM = 1e-4
KEY = jax.random.key(4)
CLASSES = 3


class Dense(nn.Module):
    """Dense layers with ReLU."""

    width: int = 4

    @nn.compact
    def __call__(self, x):
        return nn.Dense(CLASSES)(nn.relu(nn.Dense(self.width)(x)))


class Attention(nn.Module):
    """Embedding, layer norm, causal attention, and the embedding again as the last layer."""

    width: int = 4

    @nn.compact
    def __call__(self, tokens):
        embed = nn.Embed(CLASSES, self.width)
        x = embed(tokens)
        mask = nn.make_causal_mask(tokens)
        x = x + nn.MultiHeadDotProductAttention(2, deterministic=True)(nn.LayerNorm()(x), mask=mask)
        return embed.attend(x)


MODEL = {"dense": Dense(), "wide": Dense(24), "attention": Attention()}
APPLY = {name: model.apply for name, model in MODEL.items()}


@cache
def case(name: str, n: int = 12):
    """(apply, params, samples), float64."""
    keys = jax.random.split(KEY, 4)
    if name != "attention":
        inputs = np.asarray(jax.random.normal(keys[0], (n, 5), jnp.float64))
        labels = np.asarray(jax.random.randint(keys[1], (n,), 0, CLASSES))
    else:
        windows = np.asarray(jax.random.randint(keys[0], (n, 6), 0, CLASSES))
        inputs, labels = windows[:, :-1], windows[:, 1:]
    params = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, jnp.float64), MODEL[name].init(keys[2], inputs[:1])
    )
    theta, unravel = ravel_pytree(params)
    moved = theta + 0.3 * jax.random.normal(keys[3], theta.shape, jnp.float64)
    return APPLY[name], unravel(moved), (inputs, labels)


@cache
def explicit(name: str, n: int = 12):
    """Per-sample gradients (n, d), Hessian (d, d), losses (n,)."""
    apply, params, samples = case(name, n)
    loss, theta = flat(ModelLoss(apply), params)
    gradients = jax.jit(jax.vmap(jax.grad(loss), (None, 0)))(theta, samples)
    total = jax.jit(jax.hessian(lambda t: jax.vmap(loss, (None, 0))(t, samples).mean()))
    losses = jax.vmap(loss, (None, 0))(theta, samples)
    return np.asarray(gradients), np.asarray(total(theta)), np.asarray(losses)


@cache
def measured(name: str, n: int = 12, draws: int = 32):
    """With 4·32 directions of each kind: more than samples or coordinates, so all are taken."""
    return measure_network(*case(name, n), key=KEY, groups=4, draws=draws)


def truth(name: str, n: int = 12) -> dict[str, float]:
    """Every scalar of the samples as a population, from their definitions."""
    g, h, _ = explicit(name, n)
    mu, sigma = g.mean(0), g.std(0)
    noise = g - mu
    r = np.divide(mu, sigma, out=np.zeros_like(mu), where=sigma > 0)
    s, weights = np.sign(mu), np.diag(h)
    found = {
        "gradient_squared": mu @ mu,
        "noise_trace": (noise**2).sum() / n,
        "noise_curvature": np.einsum("ni,ij,nj->", noise, h, noise) / n,
        "gradient_curvature": mu @ h @ mu,
        "trace": weights.sum(),
        "sign_curvature": s @ h @ s,
        "ratio_curvature": r @ h @ r - r**2 @ weights,
        "ratio_strength": mu @ r,
    }
    found["b_simple"] = found["noise_trace"] / found["gradient_squared"]
    found["b_noise"] = found["noise_curvature"] / found["gradient_curvature"]
    return found


@pytest.mark.parametrize("name", ["dense", "attention"])
def test_every_scalar_of_the_population_is_that_of_its_definition(name):
    """Attention, layer norm and a shared embedding as well as ReLU."""
    found = measured(name)
    for what, value in truth(name).items():
        estimate = getattr(found, what).population
        assert estimate.mean == pytest.approx(value, rel=1e-6), what
        assert estimate.sem == 0, what


@pytest.mark.parametrize("name", ["dense", "attention"])
def test_means_deviations_norms_and_losses_are_those_of_the_per_sample_gradients(name):
    g, h, losses = explicit(name)
    found = measured(name)
    np.testing.assert_allclose(found.mu, g.mean(0), atol=1e-12)
    np.testing.assert_allclose(found.sigma, g.std(0), atol=1e-7)
    np.testing.assert_allclose(found.norms2, (g**2).sum(1), rtol=1e-9)
    np.testing.assert_allclose(found.hessian_diagonal, np.diag(h), atol=1e-10)
    assert not found.hessian_diagonal_sem.any()
    assert found.loss.mean == pytest.approx(losses.mean(), rel=1e-12)
    assert found.loss.sem == pytest.approx(losses.std(ddof=1) / np.sqrt(12), rel=1e-9)
    np.testing.assert_array_equal(ravel_pytree(found.mean)[0], found.mu)
    np.testing.assert_array_equal(ravel_pytree(found.deviation)[0], found.sigma)
    assert found.count == 12


def test_the_l1_and_nuclear_scales_of_the_population_are_those_of_their_definitions():
    g, _, _ = explicit("dense")
    mu, noise = g.mean(0), g - g.mean(0)
    found = measured("dense")
    l1 = (g.std(0).sum() / np.abs(mu).sum()) ** 2
    assert found.l1.population == pytest.approx(l1, rel=1e-6)
    assert found.l1.low.mean <= found.l1.high.mean
    above = below = 0.0
    for where, shape in ((slice(3, 15), (4, 3)), (slice(19, 39), (5, 4))):  # after the biases
        n = noise[:, where].reshape(-1, *shape)
        gram = np.einsum("nij,nik->jk", n, n) / len(n)  # on the shorter side, the columns
        above += np.sqrt(np.linalg.eigvalsh(gram).clip(0)).sum()
        below += np.linalg.svd(mu[where].reshape(shape))[1].sum()
    assert found.nuclear is not None
    assert found.nuclear.population == pytest.approx((above / below) ** 2, rel=1e-6)


def test_the_histogram_counts_every_coordinate_once():
    g, _, _ = explicit("attention")
    found = measured("attention").histogram
    apart = found.no_mean + found.no_noise + found.still
    assert found.counts.sum() + apart == g.shape[1]
    both = (g.mean(0) != 0) & (g.std(0) > 0)
    places = np.pi * g.var(0)[both] / (2 * g.mean(0)[both] ** 2)
    assert ((places > found.edges[0]) & (places < found.edges[-1])).all()


def test_a_window_of_tokens_predicts_every_token_from_those_before_it():
    apply, params, (inputs, labels) = case("attention")
    windows = np.concatenate([inputs, labels[:, -1:]], axis=1)
    found = measure_network(apply, params, windows, key=KEY, groups=4, draws=32)
    assert found.loss == measured("attention").loss
    np.testing.assert_array_equal(found.mu, measured("attention").mu)


def deviations(found, name, n):
    """(measured − true)/sem of what is estimated with few directions."""
    exact = truth(name, n)
    names = ("noise_curvature", "trace", "ratio_curvature", "b_noise")
    parts = {what: getattr(found, what).population for what in names}
    return {what: (p.mean - exact[what]) / p.sem for what, p in parts.items()}, parts


def test_with_few_directions_what_is_estimated_is_within_its_errors():
    """Resolution: half the noise, or half the trace, would be seen."""
    n = 160
    found = measure_network(*case("wide", n), key=jax.random.key(9), groups=8, draws=16)
    z, parts = deviations(found, "wide", n)
    limit = norm.isf(FALSE_ALARM / 2 / len(z))
    assert max(map(abs, z.values())) < limit
    for what in ("noise_curvature", "trace"):
        assert 0.5 * parts[what].mean / parts[what].sem > limit
    _, h, _ = explicit("wide", n)
    sem = found.hessian_diagonal_sem
    off = (found.hessian_diagonal - np.diag(h))[sem > 0] / sem[sem > 0]
    assert np.sqrt((off**2).mean()) == pytest.approx(1.0, abs=0.35)


def test_the_diagonal_of_a_relu_network_is_exact_on_demand():
    n = 96
    found = measure_network(*case("dense", n), key=KEY, groups=8, draws=2, piecewise_linear=True)
    np.testing.assert_allclose(found.hessian_diagonal, np.diag(explicit("dense", n)[1]), atol=1e-9)
    exact = truth("dense", n)
    for what in ("trace", "ratio_curvature"):
        assert getattr(found, what).population.mean == pytest.approx(exact[what], rel=1e-6)
        assert getattr(found, what).population.sem == 0


def test_a_smooth_model_that_is_said_to_be_piecewise_linear_is_refused():
    with pytest.raises(ValueError, match="not piecewise linear"):
        measure_network(*case("attention"), key=KEY, groups=4, piecewise_linear=True)


def test_the_same_key_gives_the_same_numbers_and_another_key_other_groups():
    again = measure_network(*case("dense"), key=KEY, groups=4, draws=32)
    other = measure_network(*case("dense"), key=jax.random.key(8), groups=4, draws=32)
    first = measured("dense")
    assert again.b_noise == first.b_noise
    assert other.b_noise.population.mean == pytest.approx(first.b_noise.population.mean, rel=1e-9)
    assert other.gradient_curvature.distribution != first.gradient_curvature.distribution


def test_samples_of_float64_do_not_make_a_float32_model_double():
    apply, params, (inputs, labels) = case("dense")
    single = jax.tree.map(lambda x: x.astype(jnp.float32), params)
    found = measure_network(apply, single, (inputs, labels), key=KEY, groups=4, draws=8)
    assert found.mu.dtype == np.float32
    np.testing.assert_allclose(found.mu, measured("dense").mu, atol=1e-5)


# The distribution behind the samples


def bilinear(theta, sample):
    """ℓ = ½ θᵀA θ − bᵀθ of a sample (A, b): gradients and Hessians are random, and known."""
    a, b = sample
    return 0.5 * theta @ a @ theta - b @ theta


@cache
def repeated(runs: int = 40, n: int = 16):
    """Measurements of `runs` samples of n of a distribution with a known mean and covariance:
    A = (1 + X) 1, X exponential of mean 1, and b = A θ − μ − noise of variances 1, ¼, 4."""
    generator = np.random.default_rng(5)
    theta, mu = np.array([0.4, -0.3, 0.5]), np.array([0.1, -0.2, 0.1])
    found = []
    for run in range(runs):
        scale = 1 + generator.exponential(size=(n, 1))
        b = scale * theta - mu - generator.normal(size=(n, 3)) * [1.0, 0.5, 2.0]
        samples = (scale[:, :, None] * np.eye(3), b)
        found.append(
            measure_loss(
                bilinear, jnp.asarray(theta), samples, key=jax.random.key(run), groups=4, draws=2
            )
        )
    known = {
        "gradient_squared": mu @ mu, "noise_trace": 5.25, "noise_curvature": 10.5,
        "gradient_curvature": 2 * mu @ mu, "trace": 6.0,
    }  # fmt: skip
    return found, known


def z_of(values, value):
    return (np.mean(values) - value) / (np.std(values) / np.sqrt(len(values)))


def test_the_distributions_scalars_are_free_of_bias_and_the_populations_are_not():
    """The negative controls: |Ĝ|² and ĜᵀĤĜ of the samples themselves."""
    found, known = repeated()
    limit = norm.isf(FALSE_ALARM / 2 / len(known))
    for what, value in known.items():
        assert abs(z_of([getattr(one, what).distribution.mean for one in found], value)) < limit
    for what in ("gradient_squared", "gradient_curvature"):
        z = z_of([getattr(one, what).population.mean for one in found], known[what])
        assert z > limit, what


def test_few_directions_leave_no_replicate_of_the_jackknife_empty():
    for one in repeated()[0]:
        assert np.isfinite(one.noise_curvature.distribution.sem)


# What laws take


def test_the_problem_has_the_coordinates_that_move_and_their_curvature():
    apply, params, (inputs, labels) = case("dense")
    dark = inputs * [1, 0, 1, 1, 1]  # the weights behind the second input never move
    found = measure_network(apply, params, (dark, labels), key=KEY, groups=4, draws=32)
    assert set(np.arange(39)) - set(found.moving) >= {23, 24, 25, 26}
    given = found.problem()
    assert {len(given["mu"]), len(given["sigma"])} == {found.moving.size}
    product = given["hessian"].matvec(jnp.asarray(given["mu"]))
    exact = found.gradient_curvature.population.mean
    assert float(product @ given["mu"]) == pytest.approx(exact, rel=1e-9)
    rows = found.problem(noise=12)["noise_samples"]
    np.testing.assert_allclose(rows.std(0), given["sigma"], atol=1e-7)
