"""Steps against samples: exact cases of the flow's scale and of gentle SGD; verdicts of claims."""

import jax.numpy as jnp
import numpy as np
import pytest
import run_datasets

from experiments.claim import Absent
from experiments.claims_se_line import SE_LINE_CLAIMS
from experiments.errors import InputError
from experiments.flow_scales import flow_scales
from experiments.greedy_sgd import greedy_sgd
from experiments.judge import FAILS, HOLDS
from experiments.se_line import PRESETS, line_fits, peak_of, validate
from sim import Quadratic

BATCHES = 2.0 ** np.arange(2, 15)


def test_the_flow_of_one_curvature_has_the_mean_of_one_over_the_loss():
    # H = λI: ΔL_max = L and β = tr Σ/(2λL), so that B̄ = tr Σ (1/L_T − 1/L_0)/(2λ ln(L_0/L_T))
    curvature, sigma = 0.7, 1.3
    theta = np.array([1.0, -2.0, 0.5])
    problem = Quadratic(jnp.full(3, curvature), jnp.asarray(theta), jnp.full(3, sigma))
    loss = 0.5 * curvature * (theta**2).sum()
    found = flow_scales("sgd", problem, [0.1 * loss])["mccandlish"][0]
    exact = 3 * sigma**2 * (9 / loss) / (2 * curvature * np.log(10))
    assert found == pytest.approx(exact, rel=0.01)


def test_the_scales_of_signs_where_all_coordinates_are_alike():
    # μ_i = (a + b)x for all i: eq. (14) is πT/(2S) with S = d(d−1) b r², in a flow along one line
    d, x = 2, 1.0
    hessian = 0.5 * np.eye(d) + 0.5
    problem = Quadratic(jnp.asarray(hessian), jnp.full(d, x), jnp.full(d, 2.0))
    loss = 0.5 * d * x**2 * (0.5 + 0.5 * d)
    found = flow_scales("sign", problem, [0.9 * loss])["paper"][0]
    start = np.pi * d / (2 * d * (d - 1) * 0.5 * ((0.5 + 0.5 * d) * x / 2.0) ** 2)
    assert start < found < start / 0.9


def test_a_diagonal_hessian_has_no_noise_scale_of_the_paper():
    problem = Quadratic(jnp.array([1.0, 0.5]), jnp.array([1.0, 1.0]), jnp.ones(2))
    assert flow_scales("sign", problem, [0.4])["paper"][0] == np.inf


def test_gentle_sgd_is_on_the_line_and_greedy_sgd_makes_the_first_step_of_lemma_1():
    hessian, theta, covariance = np.diag([1.0, 0.3]), np.array([1.0, 2.0]), np.eye(2)
    start = 0.5 * theta @ hessian @ theta
    targets = [0.5 * start, 0.2 * start]
    gentle = greedy_sgd(hessian, theta, covariance, BATCHES, targets, share=0.01, most=20_000)
    slope = np.polyfit(1 / BATCHES, gentle.steps[1], 1)
    np.testing.assert_allclose(np.polyval(slope, 1 / BATCHES), gentle.steps[1], rtol=0.02)
    mu = hessian @ theta
    gain = 0.5 * (mu @ mu) ** 2 / (mu @ hessian @ mu + np.trace(hessian) / 64.0)
    whole = greedy_sgd(hessian, theta, covariance, [64.0], [start - gain], share=1.0, most=3)
    assert whole.steps[0, 0] == pytest.approx(1.0)


def test_the_line_is_found_again_and_points_that_a_replicate_lacks_are_left_out():
    steps = 40 * (1 + 500 / BATCHES)[:, None] * np.exp(0.001 * np.arange(5) ** 2)
    steps[0, 2] = np.nan
    for k, one in enumerate(line_fits(BATCHES, steps)):
        assert one.value["B_noise"] == pytest.approx(500, rel=1e-3)
        assert one.value["S_min"] == pytest.approx(40 * np.exp(0.001 * k**2), rel=1e-3)
        assert one.dof == len(BATCHES) - 3


def test_a_peak_is_that_of_the_parabola_and_none_is_at_an_end():
    x = np.arange(6.0)
    assert peak_of(x, -((x - 2.3) ** 2)) == pytest.approx(2.3)
    assert np.isnan(peak_of(x, x))
    assert np.isnan(peak_of(x, np.full(6, np.nan)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"problems": ()}, "name each problem once"),
        ({"problems": ("no",)}, "unknown problem"),
        ({"targets": (0.1, 0.2)}, "targets must fall"),
        ({"targets": (1.5,)}, "targets must fall"),
        ({"seeds": 5}, "multiple of"),
        ({"longest": 0}, "at least one step"),
    ],
)
def test_what_is_malformed_is_one_clear_line(wrong, words):
    with pytest.raises(InputError, match=words):
        validate(type(PRESETS["smoke"])(**wrong))


def outcomes(data):
    found = {}
    for claim in SE_LINE_CLAIMS:
        try:
            found[claim.id.removeprefix("se_line/")] = claim.judge(data)
        except Absent:
            continue
    return found


def test_on_made_up_data_on_the_line_every_claim_of_a_line_holds():
    found = outcomes(run_datasets.se_line())
    for name in ("gentle_line", "greedy_line", "gentle_scale", "line/sign", "scale/sgd"):
        mine = {key: one.verdict for key, one in found.items() if key.startswith(name)}
        assert set(mine.values()) == {HOLDS}, mine
    assert found["peak/sign/coherent/0.2"].verdict == FAILS  # 300 against 64
    assert not any("power_law" in key for key in found)


def test_steps_that_rise_at_large_batches_are_seen():
    data = run_datasets.se_line()
    assert outcomes(data)["never_rises/sign/coherent/0.2"].verdict == HOLDS
    data["steps_r"].loc[{"rule": "sign", "problem": "coherent", "batch": 4096}] *= 1.5
    found = outcomes(data)
    assert found["never_rises/sign/coherent/0.2"].verdict == FAILS
    assert found["never_rises/sgd/coherent/0.2"].verdict == HOLDS
    assert all(found["never_rises/sgd/coherent/0.2"].controls.values())
