"""The hypotheses that the paper leaves silent: each holds a law up, and the law falls without it.

Every test is one counterexample, found independently of those in the derivations: by simulation, by
enumeration or by a search over learning rates.  Here are those of one step of sign descent and of
SGD; those of the noise, of other rules and of whole runs have a file each beside this one.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from theory import LAWS, common_ratio_peak, large_batch_limit, one_step, optimal_lr, small_batch

RATES = np.linspace(-3, 3, 60_001)


def best_rate(decrease, rates=RATES):
    return rates[np.argmax(decrease(rates))]


def test_every_hypothesis_of_every_law_has_its_counterexample_here():
    here = Path(__file__)
    written = "".join(path.read_text("utf-8") for path in here.parent.glob(f"{here.stem}*.py"))
    needed = {h.name.lower() for law in LAWS.values() for h in law.holds}
    assert set(re.findall(r"^def test_without_(\w+)\(", written, re.MULTILINE)) == needed


def test_without_quadratic():
    def decrease(order):
        return lambda rate: (1 - np.abs(1 - rate) ** order) / order

    assert best_rate(decrease(2)) == pytest.approx(optimal_lr_of_one(1, 1), abs=1e-3)
    assert best_rate(decrease(4)) == pytest.approx(1, abs=0.05)
    assert optimal_lr_of_one(1, 3) == pytest.approx(1 / 3)  # G = 1, L″ = 3 of θ⁴/4


def optimal_lr_of_one(mean, curvature):
    return optimal_lr("sign", mu=[mean], sigma=[0.0], hessian=[[curvature]], batch=1)


def test_without_positive_curvature():
    assert np.isnan(optimal_lr_of_one(1, -1))
    assert best_rate(lambda rate: rate + rate**2 / 2) == RATES[-1]  # ever larger


def test_without_descent():
    assert LAWS["best_lr"].jax(-1.0, 1.0) < 0
    step = one_step("sgd", mu=[0.0], sigma=[1.0], hessian=[[1.0]], batch=1)
    assert np.isnan(step.lr_star)


def test_without_no_dead_coordinate():
    with pytest.raises(ValueError, match="no defined sign"):
        optimal_lr("sign", mu=[0.0], sigma=[0.0], hessian=[[1.0]], batch=1)
    limits = [LAWS["sign_mean"].jax(1e-9, s * 1e-9, 1.0) for s in (0.1, 1.0, 10.0)]
    assert np.ptp(limits) > 0.9


def test_without_noisy():
    with pytest.raises(ValueError, match="sigma > 0"):
        small_batch([1.0, 1.0], [0.0, 1.0], np.eye(2))
    nearly = small_batch([1.0, 1.0], [1e-9, 10.0], np.array([[1, 0.5], [0.5, 1]]))
    exact = optimal_lr("sign", mu=[1, 1], sigma=[1e-9, 10], batch=1,
                       hessian=np.array([[1, 0.5], [0.5, 1]]))  # fmt: skip
    law = LAWS["small_batch_lr"].jax(1.0, nearly.eps_max, nearly.b_noise)
    assert law > 10 * exact


def test_without_small_batch():
    hessian = np.array([[1, 0.5], [0.5, 1]])
    found = small_batch([5.0, 5.0], [1.0, 1.0], hessian)
    assert found.regime < 1
    law = LAWS["small_batch_lr"].jax(1.0, found.eps_max, found.b_noise)
    exact = optimal_lr("sign", mu=[5, 5], sigma=[1, 1], hessian=hessian, batch=1)
    assert law < 0.7 * exact


def test_without_positive_trace():
    """T = 0: the law's ε* falls from B = 1 on, and Theorem 3 has no rise to offer."""
    hessian = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert np.isnan(small_batch([1.0, 1.0], [9.0, 9.0], hessian).b_noise)
    lr = optimal_lr("sign", mu=[1, 1], sigma=[9, 9], hessian=hessian, batch=[1, 4, 16, 64])
    assert (np.diff(lr) < 0).all()


def test_without_positive_s():
    """S = −15 and yet a surge: a strong pair pulls apart, eight weak ones pull together."""
    mu = np.array([1, 1] + [0.02] * 8)
    sigma = np.array([0.1, 0.1] + [0.2] * 8) * 20
    hessian = np.zeros((10, 10))
    hessian[:2, :2] = [[1, -0.5], [-0.5, 1]]
    hessian[2:, 2:] = 0.2 + 0.05 * np.eye(8)
    found = small_batch(mu, sigma, hessian)
    lr = optimal_lr("sign", mu=mu, sigma=sigma, hessian=hessian, batch=np.geomspace(1, 1e8, 50))
    assert found.S < 0
    assert np.isnan(found.b_noise)
    assert np.linalg.eigvalsh(hessian).min() > 0
    assert lr[-1] < 0.65 * lr.max()
    assert lr.argmax() > 0


def test_without_no_vanishing_mean():
    problem = {"mu": [1.0, 0.0], "sigma": [1.0, 1.0], "hessian": np.eye(2)}
    simple = float(LAWS["simple_plateau"].jax(1.0, 1.0))
    assert simple == 1
    assert optimal_lr("sign", batch=1e12, **problem) == pytest.approx(0.5)
    assert large_batch_limit(problem["mu"], np.eye(2), problem["sigma"]) == pytest.approx(0.5)


def test_without_common_ratio():
    """H = [[1, .95], [.95, 1]] with two ratios: the decrease of the loss falls by 45 %."""
    hessian = np.array([[1, 0.95], [0.95, 1]])
    scale = 30  # σ and √B together: the same law at B ≥ 1
    decrease = one_step("sign", mu=[1, 0.0148], sigma=np.array([0.019, 0.0176]) * scale,
                        hessian=hessian, batch=np.geomspace(1, 1e7, 60)).decrease  # fmt: skip
    assert decrease[-1] == pytest.approx(0.55 * decrease.max(), rel=0.01)


def test_without_surging():
    """T < Q < 2T: S > 0 promises a peak, but ε* is monotone."""
    hessian = np.array([[1, 0.5], [0.5, 1]])
    assert small_batch([1.0, 1.0], [30.0, 30.0], hessian).S > 0
    lr = optimal_lr("sign", mu=[1, 1], sigma=[30, 30], hessian=hessian,
                    batch=np.geomspace(1, 1e6, 60))  # fmt: skip
    assert (np.diff(lr) >= 0).all()
    assert np.isnan(common_ratio_peak(900.0, 2.0, 3.0))


def test_without_diagonal():
    """Off-diagonal curvature: ε* falls by 31 %, which no power law of B does."""
    hessian = 0.9 * np.ones((8, 8)) + 0.1 * np.eye(8)
    lr = optimal_lr("sign", mu=np.ones(8), sigma=np.full(8, 30.0), hessian=hessian,
                    batch=np.geomspace(1, 1e6, 60))  # fmt: skip
    assert lr[-1] == pytest.approx(0.688 * lr.max(), rel=0.01)


def test_without_sigmoid():
    ratio, batch = 1.198, 2.0
    approximate = float(LAWS["sigmoid_mean"].jax(ratio, batch))
    true = float(LAWS["sign_mean"].jax(ratio, 1.0, batch))
    assert 1 - approximate / true == pytest.approx(0.1163, abs=1e-4)


def test_without_below_noise():
    """At the noise scale itself SGD has half the rate that linear scaling promises."""
    problem = {"mu": [1.0, 2.0], "sigma": [9.0, 4.0], "hessian": np.diag([1.0, 0.5])}
    scale = (81 + 0.5 * 16) / (1 + 0.5 * 4)
    exact = optimal_lr("sgd", batch=np.array([scale, 1e12]), **problem)
    linear = LAWS["linear_lr"].jax(scale, exact[1], scale)
    assert float(linear) == pytest.approx(2 * exact[0])


def test_without_above_noise():
    """At the noise scale πκ²/2 sign descent is 21 % below its limit."""
    problem = {"mu": [1.0], "sigma": [30.0], "hessian": [[1.0]]}
    below, at_limit = optimal_lr("sign", batch=[450 * np.pi, 1e9], **problem)
    assert below == pytest.approx(0.79 * at_limit, rel=1e-3)


def test_without_empirical():
    """No saturating or power law, whatever its exponent, falls; sign descent does, by 13 %."""
    hessian = np.ones((4, 4))  # Q = 4T
    lr = optimal_lr("sign", mu=np.ones(4), sigma=np.full(4, 30.0), hessian=hessian,
                    batch=np.geomspace(1, 1e6, 60))  # fmt: skip
    assert lr[-1] == pytest.approx(0.866 * lr.max(), rel=1e-3)
    for name in ("alpha_lr", "power_lr", "knee_lr"):
        curve = LAWS[name].jax(np.geomspace(1, 1e6, 60), 1.0, 100.0, 0.7)
        assert (np.diff(curve) > -1e-12).all()
