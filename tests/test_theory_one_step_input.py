"""What one step is asked with: bad input is named in one line, rounding is forgiven."""

import numpy as np
import pytest
from one_step_problems import Operator

from theory import large_batch_limit, one_step, optimal_lr

GOOD = {"mu": [1.0, 2.0], "sigma": [1.0, 1.0], "hessian": np.eye(2), "batch": 4}
SAMPLES = np.array([[1.0, 1.0], [-1.0, -1.0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rule": "signum?"}, "unknown rule 'signum\\?'; known: .*sgd, .*sign, "),
        ({"beta1": 0.9}, "rule 'sign' has no parameter beta1; it takes: noise"),
        ({"mu": [[1.0, 2.0]]}, "mu must be a non-empty 1-D array"),
        ({"mu": []}, "mu must be a non-empty 1-D array"),
        ({"mu": [1.0, np.nan]}, "mu must be finite"),
        ({"sigma": None}, "sigma is required"),
        ({"sigma": [1.0]}, "sigma has shape \\(1,\\), expected \\(2,\\)"),
        ({"sigma": [1.0, -1.0]}, "sigma must not be negative"),
        ({"sigma": [1.0, np.inf]}, "sigma must be finite"),
        ({"mu": [1.0, 0.0], "sigma": [1.0, 0.0]}, "mu = sigma = 0"),
        ({"hessian": np.eye(3)}, "hessian has shape \\(3, 3\\), expected \\(2, 2\\)"),
        ({"hessian": np.array([[1.0, 1], [0, 1]])}, "hessian must be symmetric"),
        ({"hessian": np.full((2, 2), np.nan)}, "hessian must be finite"),
        ({"hessian": Operator(np.eye(3))}, "diagonal has shape \\(3,\\), expected \\(2,\\)"),
        ({"hessian": Operator(np.diag([1, np.inf]))}, "diagonal must be finite"),
        ({"batch": 0.5}, "batch must be finite and at least 1"),
        ({"batch": [1.0, np.inf]}, "batch must be finite and at least 1"),
        ({"batch": [[1.0]]}, "batch must be a scalar or 1-D"),
        ({"correlation": np.eye(2), "noise_samples": SAMPLES}, "not both"),
        ({"correlation": np.eye(3)}, "correlation has shape"),
        ({"correlation": np.array([[1, 0.5], [0, 1]])}, "correlation must be symmetric"),
        ({"correlation": 2 * np.eye(2)}, "correlation must have a unit diagonal"),
        ({"correlation": np.array([[1, 1.5], [1.5, 1]])}, "positive semi-definite"),
        ({"correlation": np.full((2, 2), np.nan)}, "correlation must be finite"),
        ({"noise_samples": SAMPLES[:, :1]}, "noise_samples has shape"),
        ({"noise_samples": SAMPLES[:1]}, "noise_samples has shape"),
        ({"noise_samples": SAMPLES + 1}, "noise_samples must be centred"),
        ({"noise_samples": SAMPLES * np.nan}, "noise_samples must be finite"),
        ({"noise_samples": SAMPLES, "sigma": [1.0, 2.0]}, "sigma disagrees"),
        ({"noise_samples": SAMPLES, "draws": 1}, "draws must be a whole number of at least 2"),
        ({"rule": "sign_sigmoid", "correlation": np.eye(2)}, "no law for correlated noise"),
        ({"rule": "sign_sigmoid", "noise_samples": SAMPLES}, "no law for correlated noise"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_bad_input_is_named_in_one_line(change, message):
    arguments = {"rule": "sign", **GOOD, **change}
    with pytest.raises(ValueError, match=message) as caught:
        one_step(arguments.pop("rule"), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_samples_must_be_centred_and_sigma_agree_to_a_thousandth(scale):
    arguments = {"mu": [1.0, 2.0], "hessian": np.eye(2), "batch": 4, "draws": 2}
    samples = scale * SAMPLES
    one_step("sign", noise_samples=samples + 5e-4 * scale, **arguments)
    one_step("sign", noise_samples=samples, sigma=[scale, 1.0005 * scale], **arguments)
    with pytest.raises(ValueError, match="centred"):
        one_step("sign", noise_samples=samples + 2e-3 * scale, **arguments)
    with pytest.raises(ValueError, match="disagrees"):
        one_step("sign", noise_samples=samples, sigma=[scale, 1.002 * scale], **arguments)


def test_rounding_in_a_correlation_is_forgiven():
    nearly = np.array([[1 + 5e-7, 0.5 + 5e-7], [0.5, 1]])
    forgiven = optimal_lr("sign", correlation=nearly, **GOOD)
    exact = optimal_lr("sign", correlation=np.array([[1, 0.5], [0.5, 1]]), **GOOD)
    assert forgiven == pytest.approx(exact, rel=1e-5)


def test_sgd_is_defined_where_a_coordinate_is_dead():
    assert optimal_lr("sgd", mu=[1, 0], sigma=[0, 0], hessian=np.eye(2), batch=1) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 0.0], np.eye(2)), "sigma is required where mu has zeros"),
        (([1.0, 0.0], np.eye(2), [1.0, 0.0]), "mu = sigma = 0"),
        (([1.0, 0.0], np.eye(2), [1.0, -1.0]), "sigma must not be negative"),
        (([1.0, 0.0], np.eye(2), [1.0, 1.0], np.eye(3)), "correlation has shape"),
    ],
)
def test_the_limit_names_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        large_batch_limit(*arguments)
