"""Su's mean field: exact in its own terms, an approximation of the rule."""

from typing import Any

import numpy as np
import pytest

from theory import LAWS, RULES, one_step, optimal_lr

HESSIAN = 0.3 * np.eye(8) + 0.2
SIGNS = np.array([1, 1, 1, 1, 1, 1, 1, -1.0])


def test_the_rule_is_its_law():
    mu, sigma, batch = 0.2 * SIGNS, np.linspace(1, 3, 8), 50.0
    simple = (sigma**2).sum() / (mu**2).sum()
    law = LAWS["su_lr"].jax(
        batch, simple, abs(mu).sum(), np.trace(HESSIAN), SIGNS @ HESSIAN @ SIGNS, 1.0
    )
    found = optimal_lr("sign_mean_field", mu=mu, sigma=sigma, hessian=HESSIAN, batch=batch)
    assert found == pytest.approx(float(law), rel=1e-12)


def test_its_peak_and_its_half_are_where_it_says():
    sums = (100.0, 1.0, 5.0, 0.5)
    peak, half = float(LAWS["su_peak"].jax(*sums)), float(LAWS["su_half"].jax(*sums))
    batch = np.geomspace(peak / 3, 3 * peak, 30_001)
    scale, trace, coherent, factor = sums
    lr = np.asarray(LAWS["su_lr"].jax(batch, scale, 1.0, trace, coherent, factor))
    assert batch[lr.argmax()] == pytest.approx(peak, rel=1e-3)
    assert 1 / half - 1 / peak == pytest.approx(2 / scale)


def test_it_is_near_theorem_2_at_one_ratio_and_far_where_ratios_differ():
    given: dict[str, Any] = {"hessian": HESSIAN, "batch": [3.0, 30.0, 300.0]}
    mu = np.abs(SIGNS) * 0.1
    alike: dict[str, Any] = {"mu": mu, "sigma": np.ones(8)}
    ratio = [optimal_lr(n, **alike, **given) for n in ("sign_mean_field", "sign")]
    assert np.all(abs(ratio[0] / ratio[1] - 1) < 0.3)
    spread: dict[str, Any] = {"mu": mu, "sigma": np.geomspace(0.01, 3, 8)}
    ratio = [optimal_lr(n, **spread, **given) for n in ("sign_mean_field", "sign")]
    assert np.any(abs(ratio[0] / ratio[1] - 1) > 0.4)


def test_it_is_an_approximation_and_has_no_law_for_correlation():
    assert RULES["sign_mean_field"].accuracy is None
    with pytest.raises(ValueError, match="no law for correlated noise"):
        one_step(
            "sign_mean_field", mu=[1.0, 1.0], sigma=[1.0, 1.0], hessian=np.eye(2), batch=1,
            correlation=np.eye(2),
        )  # fmt: skip
