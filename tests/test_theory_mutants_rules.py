"""What mutants of the rules once survived: each test names the formula that it holds in place."""

from typing import Any

import numpy as np

from theory import optimal_lr

PROBLEM: dict[str, Any] = {
    "mu": np.array([0.3, -0.2, 0.1]),
    "sigma": np.array([1.0, 0.5, 2.0]),
    "hessian": np.array([[1.0, 0.3, 0.1], [0.3, 2.0, -0.2], [0.1, -0.2, 0.5]]),
}


def test_cumulants_that_nobody_gives_are_those_of_gaussian_samples():
    silent = optimal_lr("sign_edgeworth", **PROBLEM, batch=[1, 16])
    np.testing.assert_allclose(silent, optimal_lr("sign", **PROBLEM, batch=[1, 16]), rtol=1e-14)
