"""The best learning rate of whole runs: found where it is known, with an interval that covers."""

import numpy as np
import pytest

from sim.best_lr import best_lr, best_lrs, jackknife
from sim.optimum import EdgeOptimum

LRS = np.geomspace(0.01, 1.0, 26)  # a ratio of 1.2
GROUPS = 8


def valley(centre, *, bend=0.8, skew=0.0):
    """ln value of a curve that is least (0) where ln lr is `centre`, (…, e)."""
    x = np.log(LRS) - np.asarray(centre)[..., None]
    return bend * x**2 + skew * x**3


def replicates(value_eg):
    """All groups' mean, and those with one left out, (…, e, 1 + G)."""
    groups = value_eg.shape[-1]
    whole = value_eg.mean(-1, keepdims=True)
    return np.concatenate([whole, (groups * whole - value_eg) / (groups - 1)], -1)


def same(value_e):
    """Replicates that do not vary."""
    return np.repeat(value_e[..., None], 1 + GROUPS, -1)


def test_a_parabola_is_found_exactly_wherever_it_lies_between_grid_points():
    centre = np.linspace(np.log(0.05), np.log(0.2), 40)
    best = best_lrs(LRS, same(7.0 * np.exp(valley(centre))))
    np.testing.assert_allclose(best.lr, np.exp(centre), rtol=1e-9)
    np.testing.assert_allclose(best.value, 7.0, rtol=1e-9)
    np.testing.assert_allclose(best.log_lr_sem, 0.0, atol=1e-9)
    assert not (best.edge | best.unreached | best.cliff).any()


def test_the_units_of_rate_and_value_do_not_matter():
    value = same(np.exp(valley([np.log(0.09)], skew=0.2)))
    one, other = best_lrs(LRS, value), best_lrs(50 * LRS, 1e-3 * value)
    np.testing.assert_allclose(other.lr, 50 * one.lr, rtol=1e-12)
    np.testing.assert_allclose(other.value, 1e-3 * one.value, rtol=1e-12)


def test_a_skewed_valley_is_missed_by_far_less_than_the_grids_step():
    centre = np.linspace(np.log(0.05), np.log(0.2), 40)
    best = best_lrs(LRS, same(np.exp(valley(centre, skew=0.2))))
    assert np.abs(np.log(best.lr) - centre).max() < 0.02


def test_the_interval_covers_what_is_known_and_the_estimate_is_not_biased():
    trials, rng = 1500, np.random.default_rng(0)
    centre = rng.uniform(np.log(0.05), np.log(0.2), trials)
    x = np.log(LRS)[:, None] - centre[:, None, None]
    # every group's own valley lies elsewhere, as runs with common random numbers have it
    shift, jitter = (s * rng.standard_normal((trials, 1, GROUPS)) for s in (0.15, 0.2))
    noise = 0.004 * rng.standard_normal((trials, LRS.size, GROUPS))
    value = np.exp(0.8 * (x - shift) ** 2 + jitter + noise)
    best = best_lrs(LRS, replicates(value))
    gap = np.log(best.lr) - centre
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(trials)
    # Student's t of 7 degrees of freedom: ± 1.96 sem covers 91 %, less what the parabola misses
    covered = (np.abs(gap) < 1.96 * best.log_lr_sem).mean()
    assert 0.87 < covered < 0.96
    # control: an interval of a third of that does not cover
    assert (np.abs(gap) < 0.65 * best.log_lr_sem).mean() < 0.6


def test_the_best_rate_at_an_end_of_the_grid_is_refused():
    for centre in (np.log(0.001), np.log(20.0)):
        value = same(np.exp(valley([centre])))[0]
        assert best_lrs(LRS, value[None]).edge.all()
        assert np.isnan(best_lrs(LRS, value[None]).lr).all()
        with pytest.raises(EdgeOptimum, match="edge"):
            best_lr(LRS, value)


def test_what_is_never_reached_is_no_optimum():
    value = same(np.full(LRS.size, np.inf))
    best = best_lrs(LRS, value)
    assert best.unreached
    assert np.isnan(best.lr)
    assert not best.edge
    with pytest.raises(EdgeOptimum, match="reaches"):
        best_lr(LRS, value)


def test_beside_a_cliff_the_optimum_is_the_grids_with_the_grids_uncertainty():
    value = np.exp(valley([np.log(0.3)]))[0]
    for beyond in (np.inf, 1e20, 5.0):  # what is beyond LRS[15] has diverged, or is about to
        value[16:] = beyond
        best = best_lrs(LRS, same(value))
        assert best.cliff
        assert best.lr == pytest.approx(LRS[15])
        assert best.value == pytest.approx(value[15])
        assert best.log_lr_sem == pytest.approx(np.log(LRS[1] / LRS[0]) / np.sqrt(3))


def test_the_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(1).standard_normal(12)
    rest = (x.sum() - x) / 11
    sem = x.std(ddof=1) / np.sqrt(12)
    assert jackknife(np.concatenate([[x.mean()], rest])) == pytest.approx(sem)


@pytest.mark.parametrize(
    ("lrs", "shape"),
    [([0.1, 0.2], (2, 9)), ([0.1, 0.3, 0.2], (3, 9)), (LRS, (3, 9)), (LRS, (26, 2))],
)
def test_what_is_malformed_is_one_clear_line(lrs, shape):
    with pytest.raises(ValueError, match=r"needs three or more increasing|are not"):
        best_lrs(lrs, np.ones(shape))
