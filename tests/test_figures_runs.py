"""The figures of momentum and of steps against samples show their numbers."""

import numpy as np
import pytest
import run_datasets
from test_figures_draw import bars

from figures import momentum_runs, se_line
from figures.jackknife import t95


def test_bars_of_steps_are_student_s_for_the_groups_there_are():
    data = run_datasets.se_line(("coherent",))
    assert t95(data) == pytest.approx(2.364624, rel=1e-6)  # 8 groups
    figure = se_line.draw(data)
    sgd = next(axes for axes in figure.axes if axes.get_ylabel() == "SGD: steps")
    low, high = bars(sgd)
    part = data.sel(problem="coherent", rule="sgd", target=0.2)
    np.testing.assert_allclose((low + high) / 2, part.steps, rtol=1e-9)
    np.testing.assert_allclose((high - low) / 2, t95(data) * 0.02 * part.steps, rtol=1e-6)


def test_a_rule_that_was_not_run_has_no_row():
    data = run_datasets.se_line(("coherent",), ("sign",))
    labels = [axes.get_ylabel() for axes in se_line.draw(data).axes]
    assert labels == ["SGD, 2 %: steps", "sign: steps"]


def test_only_a_rate_that_ends_below_its_top_has_a_peak():
    assert se_line._declines(np.array([1.0, 3.0, 2.0]))
    assert not se_line._declines(np.array([1.0, 3.0, 2.9]))
    assert not se_line._declines(np.array([1.0, 3.0, np.nan]))


def test_points_are_what_was_predicted_over_what_was_found():
    data = run_datasets.momentum_runs(("coherent",))
    figure = momentum_runs.draw(data)
    low, high = bars(figure.axes[0])
    ratio = (data.predicted / data.lr).sel(
        problem="coherent", rule="momentum", beta1=0.9, kind="one_step", batch=4.0,
        criterion=["K = 1", "K = 10", "K = 1000"],
    ).values  # fmt: skip
    reach = t95(data) * 0.003
    np.testing.assert_allclose(low, ratio * np.exp(-reach), rtol=1e-9)
    np.testing.assert_allclose(high, ratio * np.exp(reach), rtol=1e-9)
    assert "the one-step factor predicts 1.00 to 1.00 of ε* at K = 1" in momentum_runs.reading(data)
