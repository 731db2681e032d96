"""The best learning rate of a closed run: Lemma 1 for one step, and no other rate does better."""

from typing import Any

import numpy as np
import pytest
from test_theory_closure import PROBLEM, SIGMA, THETA, H

from theory import one_step
from theory.closure import predict_runs
from theory.closure_optimum import best_run_lr

BEST: dict[str, Any] = {"lr_range": (1e-3, 10.0), "batches": [1.0, 8.0, 64.0]}


class TestBestRate:
    @pytest.mark.parametrize("rule", ["sgd", "sign"])
    def test_for_a_run_of_one_step_it_is_lemma_1(self, rule):
        found = best_run_lr(rule, **PROBLEM, **BEST, horizon=1, remainder="exact")
        deviation = np.sqrt(np.diag(SIGMA))
        step = one_step(
            rule, mu=H @ THETA, sigma=deviation, hessian=H, batch=BEST["batches"],
            correlation=SIGMA / np.outer(deviation, deviation),
        )  # fmt: skip
        np.testing.assert_allclose(found.lr, step.lr_star, rtol=1e-3)
        np.testing.assert_allclose(0.5 * THETA @ H @ THETA - found.value, step.decrease, rtol=1e-5)

    @pytest.mark.parametrize("aim", [{"target": 0.4, "within": 80}, {"horizon": 12}])
    def test_no_other_rate_does_better(self, aim):
        best = best_run_lr("sign", **PROBLEM, **BEST, **aim)
        for b, batch in enumerate(BEST["batches"]):
            if np.isnan(best.lr[b]):
                continue
            lrs = [float(best.lr[b] * factor) for factor in (0.7, 0.9, 1, 1.1, 1.4)]
            run = predict_runs(
                "sign", **PROBLEM, batches=[batch], lrs=lrs,
                steps=[aim.get("horizon", 80)], targets=[aim.get("target", 1.0)],
            )  # fmt: skip
            value = (run.loss_bek if "horizon" in aim else run.passage_bem)[0, :, 0]
            assert value[2] <= value.min() * (1 + 1e-9)
            assert best.value[b] == pytest.approx(value[2], rel=1e-3)

    def test_a_rate_at_the_end_of_the_range_is_refused(self):
        found = best_run_lr("sign", **PROBLEM, batches=[8.0], lr_range=(1e-4, 1e-3), horizon=5)
        assert np.isnan(found.lr).all()

    def test_a_target_that_no_rate_reaches_has_no_best_rate(self):
        found = best_run_lr("sign", **PROBLEM, **BEST, target=1e-6, within=20)
        assert np.isnan(found.lr).all()

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"target": 0.5, "horizon": 3}, "target or horizon"),
            ({}, "target or horizon"),
            ({"horizon": 3, "lr_range": (1.0, 0.5)}, "lr_range must be"),
        ],
    )
    def test_bad_input_is_one_clear_line(self, wrong, words):
        with pytest.raises(ValueError, match=words):
            best_run_lr("sign", **PROBLEM, **(BEST | wrong))
