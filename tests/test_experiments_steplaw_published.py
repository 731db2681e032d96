"""What is said of Step Law: each number against runs whose law is known, and the real ones."""

import numpy as np
import pytest
import steplaw_published_datasets as made
import xarray as xr

from experiments.claims import judged
from experiments.claims_steplaw import STEPLAW_CLAIMS
from experiments.judge import FAILS, HOLDS, NOT_RUN
from experiments.steplaw import curves, references
from experiments.steplaw.bending import bending
from experiments.steplaw.comparison import comparison, predicted
from experiments.steplaw.experts import experts
from experiments.steplaw.grid import grids
from experiments.steplaw.power_law import (
    COEFFICIENTS,
    Points,
    by_cell,
    drawn_by,
    fitted,
    near_best,
    regress,
    resampled,
)
from experiments.steplaw.surface import optimum, surface_of, surfaces, widths
from theory.scaling import SCALINGS, STEP_LR

TRUE = dict(
    zip(
        COEFFICIENTS,
        (np.log(1.79), -0.713, 0.307, np.log(0.58), 0.571, 0.0),
        strict=True,
    )
)


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    return made.runs()


def dense(runs: xr.Dataset) -> xr.Dataset:
    return runs.isel(run=np.flatnonzero(runs["kind"].values == "dense"))


def random_points(seed: int = 1) -> Points:
    random = np.random.default_rng(seed)
    columns = random.normal(size=(4, 30)) + np.array([[20.0], [23.0], [-7.0], [13.0]])
    return Points._make([*columns, random.integers(0, 9, 30), random.uniform(0.5, 2, 30)])


class TestEstimator:
    def test_it_is_least_squares_on_the_points_as_often_as_they_are_drawn(self):
        points = random_points()
        copies = resampled(len(points.cell), 5, 0)
        found = regress(points, copies, np.arange(len(points.cell)))
        for row, counts in zip(found, copies, strict=True):
            weight = np.sqrt(counts * points.weight)[:, None]
            one = np.ones_like(points.log_n)
            both = np.stack([one, points.log_n, points.log_d], 1) * weight
            lr = np.linalg.lstsq(both, points.log_lr * weight[:, 0])[0]
            let_in = np.linalg.lstsq(both, points.log_batch * weight[:, 0])[0]
            batch = np.linalg.lstsq(both[:, [0, 2]], points.log_batch * weight[:, 0])[0]
            np.testing.assert_allclose(row, [*lr, *batch, let_in[1]], rtol=1e-7, atol=1e-9)

    @pytest.mark.parametrize("how", ["cells", "tokens"])
    def test_a_group_is_drawn_as_a_whole(self, how):
        points = random_points()
        points = points._replace(log_d=np.round(points.log_d))
        groups = drawn_by(points, how)
        once = regress(points, np.ones((1, groups.max() + 1)), groups)
        alone = regress(points, np.ones((1, 1)), np.zeros(30, int))
        np.testing.assert_allclose(once, alone, rtol=1e-9)

    def test_every_draw_is_of_as_many_as_there_are_and_each_is_drawn_once_on_average(self):
        drawn = resampled(41, 4000, 0)
        assert (drawn.sum(1) == 41).all()
        assert abs(drawn.mean(0) - 1).max() < 5 / np.sqrt(4000)

    def test_too_few_different_cells_determine_nothing(self):
        points = random_points()
        assert np.isnan(regress(points, np.eye(30)[:3], np.arange(30))).all()

    def test_it_finds_the_law_that_made_the_losses(self, runs):
        found = fitted(by_cell(near_best(dense(runs))), 20, 0)["value"]
        for name in ("lr_N", "lr_D", "batch_D", "batch_N"):
            assert float(found.sel(coefficient=name)) == pytest.approx(TRUE[name], abs=0.035)

    def test_runs_at_the_threshold_are_kept_and_those_beyond_are_not(self, runs):
        near = near_best(runs, 0.001)
        for cell in np.unique(runs["cell"].values):
            loss = runs["loss"].values[runs["cell"].values == cell]
            assert (near.cell == cell).sum() == (loss <= 1.001 * loss.min()).sum()

    def test_a_power_law_does_not_bend_and_another_law_does(self):
        n, d = (
            np.log(x).ravel()
            for x in np.meshgrid(np.geomspace(1e8, 1e9, 5), np.geomspace(2e9, 1e11, 6))
        )
        straight = Points(n, d, 1 - 0.7 * n + 0.3 * d, 0.5 * d, np.arange(30), np.ones(30))
        found = bending(straight, 50, 0)
        np.testing.assert_allclose(found["bending"].sel(term=["NN", "ND", "DD"]), 0, atol=1e-9)
        bent = straight._replace(log_lr=straight.log_lr - 0.04 * (d - d.mean()) ** 2)
        found = bending(bent, 50, 0).sel(axis="lr", term="DD")
        assert float(found["bending"]) == pytest.approx(-0.04, abs=1e-9)
        assert float(found["bending_high"]) < 0


class TestSurface:
    def test_a_quadratic_is_found_with_its_lowest_point_and_its_plateau(self, runs):
        for cell in (0, 7):
            part = runs.isel(run=np.flatnonzero(runs["cell"].values == cell))
            fit = surface_of(part["lr"].values, part["batch"].values, part["loss"].values)
            assert fit is not None
            place = optimum(fit.coefficients, fit.border) + np.log([1e-3, 5e5])
            n, d = float(part["N"][0]), float(part["D"][0])
            np.testing.assert_allclose(place, made.best(n, d), atol=1e-8)
            at = np.sqrt(0.0025 / np.diag(made.BOWL))
            along = np.sqrt(0.0025 * np.diag(np.linalg.inv(made.BOWL)))
            np.testing.assert_allclose(np.log(widths(fit.coefficients)), [*at, *along], rtol=1e-6)

    def test_intervals_cover_the_truth(self):
        noisy = dense(made.runs(8e-4, seed=3))
        found = surfaces(noisy, 300, 0)
        truth = np.array([made.best(n, d) for n in made.SIZES for d in made.TOKENS])
        inside = (found["optimum_low"].values <= truth) & (truth <= found["optimum_high"].values)
        assert float(found["noise"]) == pytest.approx(8e-4, rel=0.15)
        assert inside.mean() > 0.8

    def test_no_lowest_point_is_invented_on_a_saddle_or_beyond_the_grid(self):
        border = np.array([[-1.0, -1.0], [1.0, 1.0]])
        saddle, away = np.array([0, 0, 0, 1, 3, 1.0]), np.array([0, -4.0, 0, 1, 0, 1])
        assert np.isnan(optimum(np.stack([saddle, away]), border)).all()
        assert np.isnan(widths(saddle)).all()

    def test_too_few_runs_make_no_surface(self, runs):
        part = runs.isel(run=slice(0, 8))
        assert surface_of(*(part[k].values for k in ("lr", "batch", "loss"))) is None


class TestRules:
    def test_the_rule_that_made_the_losses_loses_next_to_nothing(self, runs):
        cells = dense(runs)
        first = np.unique(cells["cell"].values, return_index=True)[1]
        n, d = cells["N"].values[first], cells["D"].values[first]
        found = comparison(grids(cells), n, d)
        mean = found["permille"].sel(constants="corrected", batch_from="own").mean("cell")
        assert (mean.sel(rule="step") < 0.3).all()
        assert (mean.sel(rule=["openai", "deepseek", "porian"]) > 3).all()
        assert np.isnan(mean.sel(rule="microsoft")).all()
        best = found["permille"].sel(batch_from="best for this rate", reading="bilinear")
        for other in ("Step Law's", "best run's"):
            given = found["permille"].sel(batch_from=other, reading="bilinear")
            assert (best <= given + 1e-9).all()

    def test_a_learning_rate_that_is_not_positive_has_no_loss(self, runs):
        one = {0: grids(dense(runs))[0]}
        found = comparison(one, np.array([2e10]), np.array([1e11]))
        assert np.isnan(found["permille"].sel(rule="openai")).all()

    def test_the_printed_constants_differ_where_they_are_said_to(self):
        known = {"n": 1e9, "d": 1e11, "least": 2.1}
        for name in ("microsoft", "deepseek"):
            rule = SCALINGS[name]
            assert rule.lr is not None
            assert rule.lr_printed is not None
            assert predicted(rule.lr, **known) != predicted(rule.lr_printed, **known)
        for name in ("openai", "minicpm"):
            rule = SCALINGS[name]
            assert rule.batch is not None
            assert rule.batch_printed is not None
            assert predicted(rule.batch_printed, **known) > 1e8 * predicted(rule.batch, **known)

    def test_step_law_at_the_held_out_cell(self):
        assert float(STEP_LR.jax(1.0737e9, 1e11)) == pytest.approx(1.552e-3, rel=1e-3)

    def test_mixtures_made_from_all_parameters_need_all_parameters(self, runs):
        part = runs.isel(run=np.flatnonzero(runs["kind"].values == "moe"))
        cells, first = np.unique(part["cell"].values, return_index=True)
        n, active, d = (part[name].values[first] for name in ("N", "N_active", "D"))
        place = surfaces(part, 20, 0)["optimum"].values
        found = experts(grids(part), n, active, d, place)
        np.testing.assert_allclose(found["moe_N_needed"], 1, rtol=1e-6)
        np.testing.assert_allclose(found["moe_sparsity"], active / n)
        permille = found["moe_permille"]
        assert (permille.sel(moe_count="total") < permille.sel(moe_count="active")).all()
        assert len(cells) == 4


class TestNoise:
    def test_a_cubic_has_no_noise_and_white_noise_has_its_size(self):
        t = np.linspace(0, 1, 400)
        assert np.nanmax(np.abs(curves.scatter(np.array([1 + t - t**2])))) < 1e-12
        white = 0.02 * np.random.default_rng(0).standard_normal((20, 400))
        assert np.sqrt(np.nanmean(curves.scatter(white) ** 2)) == pytest.approx(0.02, rel=0.05)

    def test_the_first_half_and_what_is_beyond_the_end_do_not_count(self):
        part = np.full((1, 60), np.nan)
        part[0, :40] = np.random.default_rng(1).standard_normal(40)
        counted = np.isfinite(curves.scatter(part))[0]
        assert counted.sum() == 17
        assert counted[20:37].all()

    def test_shared_noise_is_recognised_and_falls_with_the_batch_size(self):
        found = curves.measure(made.logs())
        assert (found["curve_shared"] > 0.95).all()
        ratio = found["curve_noise"].values
        assert ratio[0] / ratio[1] == pytest.approx(2, rel=0.35)

    def test_the_figures_optima_are_those_of_the_runs(self, runs):
        found = references.measure(runs, made.theirs(runs))
        assert np.abs(found["figure_gap"]).max() < 0.2
        np.testing.assert_allclose(found["models_mean"], list(TRUE.values())[:5], atol=0.01)


class TestClaims:
    """On runs made from the printed law the claims say so, and not what the real runs say."""

    def verdicts(self, data: xr.Dataset) -> dict[str, str]:
        rows = [judged(claim, data, 0.0) for claim in STEPLAW_CLAIMS]
        return {row["id"].removeprefix("steplaw/"): row["verdict"] for row in rows}

    def test_the_printed_law_is_recognised(self):
        found = self.verdicts(made.steplaw())
        for name in ("fit/41/lr_N", "fit/41/lr_D", "surface/bowl", "surface/one_valley",
                     "regret/all/0.25", "moe/total", "noise/shared/slice"):  # fmt: skip
            assert found[name] == HOLDS, name
        assert found["fit/batch_N/surface"] != FAILS
        assert found["fit/straight/lr"] != FAILS
        assert {found[name] for name in found if name.startswith("not_public")} == {NOT_RUN}

    def test_a_batch_size_that_falls_with_size_and_another_exponent_are_noticed(self):
        data = made.steplaw()
        for end, value in {"value": -0.2, "low": -0.3, "high": -0.1}.items():
            data[f"estimator_{end}"] = data[f"estimator_{end}"] * 0 + value
            data[f"exponent_{end}"] = data[f"exponent_{end}"] * 0 + value
        found = self.verdicts(data)
        assert found["fit/batch_N/surface"] == FAILS
        assert found["fit/41/lr_N"] == FAILS
        assert found["fit/41/batch_D"] == FAILS
