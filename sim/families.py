"""Families of per-sample noise: i.i.d. z of zero mean and unit variance, beyond the Gaussian.

The noise of one sample is ξ = σ∘z or L z, so that its covariance is Σ whatever the family.  The
mean of B such z is drawn at once where its law is known, at a cost that does not depend on B:
Gaussian → N(0, 1/B), exponentials → Gamma(B), Laplace → the difference of two gammas, sparse and
skewed → a binomial count of the samples that are not at rest.  Student's t has no such law.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from sim.normals import normal

SHARE = 0.1  # of the samples, those that are not at rest in the sparse families
DEGREES = 5  # of freedom of Student's t: kurtosis 9, no sixth moment


@jax.tree_util.register_static
@dataclass(frozen=True)
class Family:
    """A law of z with zero mean and unit variance.

    draw: (key, shape, dtype) → z.  mean: (key, shape, dtype, batch) → mean of `batch` z, or None
    where its law is not known.  symmetric: z and −z have one law, so that draws may be paired.
    """

    name: str
    symmetric: bool
    draw: Callable[..., Array]
    mean: Callable[..., Array] | None


def _gaussian_mean(key, shape, dtype, batch):
    return normal(key, shape, dtype) / jnp.sqrt(batch)


def _gamma_excess(key, shape, dtype, alpha):
    """Γ(α) − α for α ≥ 1, by rejection; attempts go on until every entry has been accepted.

    Source: Marsaglia & Tsang 2000.  Nothing cancels at large α, and all entries share a loop:
    `jax.random.gamma` loops over each and is over ten times slower.
    """
    d = alpha - 1 / 3

    def attempt(carry):
        i, excess, rejected = carry
        keys = jax.random.split(jax.random.fold_in(key, i))
        y = jax.random.normal(keys[0], shape, dtype) / jnp.sqrt(9 * d)
        w = y * (3 + y * (3 + y))  # (1+y)³ − 1
        bound = d * (4.5 * y**2 + 3 * jnp.log1p(jnp.maximum(y, -1)) - w)
        accepted = jnp.log(jax.random.uniform(keys[1], shape, dtype)) < bound
        return i + 1, jnp.where(rejected & accepted, d * w - 1 / 3, excess), rejected & ~accepted

    start = (0, jnp.zeros(shape, dtype), jnp.ones(shape, bool))
    return jax.lax.while_loop(lambda carry: carry[2].any(), attempt, start)[1]


def _exponential(key, shape, dtype):
    return jax.random.exponential(key, shape, dtype) - 1


def _exponential_mean(key, shape, dtype, batch):
    return _gamma_excess(key, shape, dtype, batch) / batch


def _laplace(key, shape, dtype):
    return jax.random.laplace(key, shape, dtype) / jnp.sqrt(jnp.asarray(2, dtype))


def _laplace_mean(key, shape, dtype, batch):
    plus, minus = _gamma_excess(key, (2, *shape), dtype, batch)
    return (plus - minus) / (jnp.sqrt(jnp.asarray(2, dtype)) * batch)


def _student(key, shape, dtype):
    """Student's t by its definition, a normal over the root of a χ²₅; χ²₄ is two exponentials."""
    keys = jax.random.split(key, 3)
    top, one = (jax.random.normal(k, shape, dtype) for k in keys[:2])
    two = jax.random.exponential(keys[2], (2, *shape), dtype)
    return top * jnp.sqrt((DEGREES - 2) / (one**2 + 2 * two.sum(0)))


def _sparse(key, shape, dtype):
    first, second = jax.random.split(key)
    active = jax.random.bernoulli(first, SHARE, shape)
    return jnp.where(active, jax.random.normal(second, shape, dtype), 0) / SHARE**0.5


def _sparse_mean(key, shape, dtype, batch):
    first, second = jax.random.split(key)
    active = jax.random.binomial(first, batch, SHARE, shape, dtype)
    return jnp.sqrt(active / SHARE) * jax.random.normal(second, shape, dtype) / batch


def _skewed(key, shape, dtype):
    active = jax.random.bernoulli(key, SHARE, shape).astype(dtype)
    return (active - SHARE) / (SHARE * (1 - SHARE)) ** 0.5


def _skewed_mean(key, shape, dtype, batch):
    active = jax.random.binomial(key, batch, SHARE, shape, dtype)
    return (active / batch - SHARE) / (SHARE * (1 - SHARE)) ** 0.5


FAMILIES = {
    family.name: family
    for family in (
        Family("gaussian", True, normal, _gaussian_mean),
        Family("exponential", False, _exponential, _exponential_mean),  # skewness 2
        Family("laplace", True, _laplace, _laplace_mean),
        Family("student", True, _student, None),
        Family("sparse", True, _sparse, _sparse_mean),  # z = 0 but for a share of Gaussians
        Family("bernoulli", False, _skewed, _skewed_mean),  # one rare value; skewness 2.7
    )
}


def family(name: str | Family) -> Family:
    """The family of this name; ValueError for an unknown one."""
    if isinstance(name, Family):
        return name
    if not isinstance(name, str) or name not in FAMILIES:
        raise ValueError(f"unknown family {name!r}; known: {', '.join(FAMILIES)}")
    return FAMILIES[name]
