"""Best rates of the CNN's runs: known optima are found, with intervals, and edges are none."""

import numpy as np
import pytest
import xarray as xr

from experiments.cnn_optima import BROAD, by_decrease, lines, optima, replicates
from experiments.se_line import line_fits
from sim.best_lr import best_lrs
from sim.estimate import Z95
from sim.noise_scales import widened

LRS = np.geomspace(1e-4, 1e-2, 13)
ROUNDS, BATCH, TARGETS = 8, np.array([1, 4, 16, 64, 256, 1024]), (1.2, 0.8)
TRUE = 1.3e-3  # ε* between grid points
SCALE = 40.0  # B_noise of the made-up steps


def parabola(best, lrs=LRS):
    """The decrease at each rate: largest at ε*, half at e of it."""
    return 0.1 * (1 - 0.5 * np.log(lrs / np.asarray(best)[..., None]) ** 2)


def shared(noise: float, seed: int, shape=()) -> np.ndarray:
    """Decreases (…, e, rounds): each round has a best rate of its own, and a level."""
    generator = np.random.default_rng(seed)
    best = TRUE * np.exp(noise * generator.standard_normal((*shape, ROUNDS)))
    level = noise * 0.01 * generator.standard_normal((*shape, ROUNDS, 1))
    return np.moveaxis(parabola(best) + level, -1, -2)


def made(best=TRUE, noise=0.05, rules=("adam", "sign")) -> tuple[xr.Dataset, ...]:
    """Runs, branches and steps whose best rate is ε* at every batch size."""
    generator = np.random.default_rng(5)
    every = ("rule", "batch", "round", "rate", "target")
    shape = (len(rules), len(BATCH), ROUNDS, len(LRS), len(TARGETS))
    per_round = best * np.exp(noise * generator.standard_normal((*shape[:3], len(TARGETS))))
    after = 1.0 - np.moveaxis(parabola(per_round), -1, 3)
    worse = 1 + 0.3 * np.log(LRS / best) ** 2
    fewest = 20 * (1 + SCALE / BATCH) * np.ones((len(rules), ROUNDS, 1))
    level = np.exp(0.01 * generator.standard_normal(ROUNDS))[:, None]
    steps = np.moveaxis(fewest * level, 1, 2)[..., None, None] * worse[:, None] * np.ones(shape)
    coords = {"rule": list(rules), "batch": BATCH, "target": list(TARGETS)}
    runs = xr.Dataset(
        {"steps": (every, steps), "before": (every, np.ones(shape)), "after": (every, after),
         "lr": (("rule", "rate"), np.tile(LRS, (len(rules), 1)))}, coords,
    )  # fmt: skip
    later = runs.after.rename(round="seed")
    fixed = xr.Dataset({"fixed_after": later,
                        "fixed_before": xr.ones_like(later.isel(rate=0, seed=0))})  # fmt: skip
    by = ("target", "batch")
    lr = best * np.ones((2, len(BATCH)))
    one = xr.Dataset(
        {"one_lr_star_mean": (by, lr), "one_lr_star_sem": (by, 0.05 * lr),
         "one_numerator_mean": (by, lr), "one_numerator_sem": (by, 0.05 * lr)},
        {"batch": BATCH, "target": list(TARGETS)},
    )  # fmt: skip
    return runs, fixed, one


class TestReplicates:
    def test_the_first_is_the_mean_and_each_other_leaves_one_round_out(self):
        values = np.random.default_rng(0).standard_normal((3, 5))
        found = replicates(values)
        assert found.shape == (3, 6)
        np.testing.assert_allclose(found[:, 0], values.mean(-1))
        np.testing.assert_allclose(found[:, 2], values[:, [0, 2, 3, 4]].mean(-1))
        np.testing.assert_allclose(found[:, 1:].mean(-1), values.mean(-1))

    def test_rounds_may_be_on_any_axis(self):
        values = np.arange(12.0).reshape(4, 3)
        np.testing.assert_array_equal(replicates(values, 0), replicates(values.T))

    def test_a_run_that_never_arrives_is_in_every_replicate_but_its_own(self):
        found = replicates(np.array([1.0, np.inf, 3.0]))
        np.testing.assert_array_equal(np.isinf(found), [True, True, False, True])


class TestByDecrease:
    def test_a_known_optimum_is_found_between_grid_points(self):
        best = by_decrease(LRS, replicates(shared(0.0, 0)))
        assert best.lr == pytest.approx(TRUE, rel=0.02)
        assert best.log_lr_sem < 1e-6
        assert not best.edge

    def test_a_wrong_optimum_would_be_seen(self):
        best = by_decrease(LRS, replicates(shared(0.0, 0)))
        assert abs(np.log(best.lr / (1.1 * TRUE))) > 0.05

    def test_the_jackknife_s_interval_covers(self):
        # 300 trials of 8 rounds: Student's with 7 degrees of freedom covers 91 % at Z95; a share
        # below 0.83 or above 0.985 is beyond 4.4 binomial standard errors (1e-5, two-sided)
        best = by_decrease(LRS, replicates(shared(0.2, 1, (300,))))
        covered = np.abs(np.log(best.lr / TRUE)) < Z95 * best.log_lr_sem
        assert 0.83 < covered.mean() < 0.985
        tight = np.abs(np.log(best.lr / TRUE)) < 0.5 * Z95 * best.log_lr_sem
        assert tight.mean() < 0.83  # half the interval does not

    def test_a_loss_that_falls_nowhere_has_no_optimum(self):
        assert by_decrease(LRS, replicates(shared(0.0, 0) - 10)).unreached

    def test_rates_that_diverged_do_not_count(self):
        decrease = shared(0.0, 0)
        decrease[-3:] = np.nan
        assert by_decrease(LRS, replicates(decrease)).lr == pytest.approx(TRUE, rel=0.02)


def _plain(found: xr.Dataset) -> xr.DataArray:
    """The jackknife's own error, of ROUNDS."""
    return found.log_lr_sem / widened(ROUNDS)


class TestOptima:
    def test_every_sense_finds_the_optimum_and_its_interval_holds_it(self):
        found = optima(*made())
        assert set(found.sense.values) == {"further", "target", "fixed", "one_step"}
        inside = np.abs(np.log(found.lr_hat / TRUE)) < 0.02 + 5 * found.log_lr_sem
        assert bool(inside.where(np.isfinite(found.lr_hat), True).all())
        assert np.isfinite(found.lr_hat.sel(rule="sign")).all()
        assert np.isnan(found.lr_hat.sel(rule="adam", sense="one_step")).all()
        steps = found.fewest.isel(replicate=0, target=0).sel(rule="adam")
        np.testing.assert_allclose(steps, 20 * (1 + SCALE / BATCH), rtol=0.05)

    def test_the_end_of_a_grid_is_no_optimum_and_is_marked(self):
        found = optima(*made(best=2 * LRS[-1]))
        for sense in ("further", "target", "fixed"):
            assert np.isnan(found.lr_hat.sel(sense=sense)).all()
            assert (found.edge.sel(sense=sense) == 1).all()
            np.testing.assert_allclose(found.lr_end.sel(sense=sense), LRS[-1])
        assert np.isnan(found.fewest).all()
        low = optima(*made(best=LRS[0] / 2))
        np.testing.assert_allclose(low.lr_end.sel(sense=["further", "target", "fixed"]), LRS[0])

    def test_an_optimum_known_to_no_factor_is_none_and_is_marked(self):
        runs, fixed, one = made()
        shaken = 2.0 * np.random.default_rng(2).standard_normal(fixed.fixed_after.shape)
        fixed = fixed.assign(fixed_after=fixed.fixed_after + shaken)
        found = optima(runs, fixed, one)
        broad = found.broad.sel(sense="fixed") == 1
        assert broad.sum() > 5
        assert np.isnan(found.lr_hat.sel(sense="fixed").where(broad)).all()
        assert (_plain(found).where(np.isfinite(found.lr_hat), 0) < BROAD).all()

    def test_what_is_too_broad_is_asked_of_the_error_before_it_is_widened(self):
        found = optima(*made(noise=1.2)).sel(sense="further")
        inside = found.where((found.edge == 0) & np.isfinite(found.log_lr_sem), drop=True)
        np.testing.assert_array_equal(inside.broad == 1, _plain(inside) >= BROAD)
        between = (_plain(inside) < BROAD) & (inside.log_lr_sem > BROAD)
        assert between.any()
        assert np.isfinite(inside.lr_hat.where(between, 1.0)).all()

    def test_over_five_rounds_the_interval_is_student_s(self):
        """2000 batch sizes of 5 rounds: within 2.5 % of 95 %, five binomial standard errors (false
        alarm 6e-7).  The jackknife's own covers 88 %, beyond that: no wider, it is not Student's.
        """
        few, size = 5, 2000
        generator = np.random.default_rng(8)
        best = TRUE * np.exp(0.1 * generator.standard_normal((size, few)))
        every = ("batch", "round", "rate", "target")
        after = 1 - parabola(best)[..., None]
        ones = xr.ones_like(xr.DataArray(after, dims=every))
        coords = {"batch": np.arange(1, size + 1), "target": [1.2], "rule": ["adam"]}
        runs = xr.Dataset(
            {"steps": ones, "before": ones, "after": (every, after), "lr": ("rate", LRS)}
        )
        runs = runs.expand_dims(rule=1).assign_coords(coords)
        fixed = xr.Dataset({"fixed_after": runs.after.rename(round="seed"),
                            "fixed_before": xr.ones_like(runs.after[:, :, 0, 0])})  # fmt: skip
        found = optima(runs, fixed, xr.Dataset()).sel(sense=["further", "fixed"])
        off = np.abs(np.log(found.lr_hat / TRUE)) / found.log_lr_sem
        for covered in (off < Z95).mean(("batch", "target", "rule")).values:
            assert abs(covered - 0.95) < 0.025
        for covered in (off * widened(few) < Z95).mean(("batch", "target", "rule")).values:
            assert covered < 0.925

    def test_each_sense_of_runs_is_widened_by_its_own_count_and_one_step_is_not(self):
        runs, fixed, one = made()
        found = optima(runs, fixed.isel(seed=slice(5)), one).sel(rule="sign")
        place = ("target", "batch", "rate")
        steps = replicates(runs.steps.sel(rule="sign").transpose(*place, "round"))
        later = (fixed.fixed_before - fixed.fixed_after).sel(rule="sign").isel(seed=slice(5))
        later = replicates(later.transpose(*place, "seed"))
        plain = {"target": best_lrs(LRS, steps), "fixed": by_decrease(LRS, later)}
        for sense, count in (("target", ROUNDS), ("fixed", 5)):
            np.testing.assert_allclose(
                found.log_lr_sem.sel(sense=sense).transpose("target", "batch"),
                widened(count) * plain[sense].log_lr_sem,
            )
        assert widened(5) > 1.1 * widened(ROUNDS) > 1.2
        np.testing.assert_allclose(found.log_lr_sem.sel(sense="one_step"), 0.05)

    def test_steps_are_no_fewest_where_leaving_out_one_round_moves_the_best_to_an_end(self):
        runs, fixed, one = made()
        centre = np.where(np.arange(ROUNDS) == 0, LRS[6], LRS[0])  # of all: in between
        steps = 20 * (1 + 0.3 * np.log(LRS / centre[:, None]) ** 2)
        steps = xr.DataArray(steps, dims=("round", "rate"))
        runs = runs.assign(steps=(steps + 0 * runs.steps).transpose(*runs.steps.dims))
        best = best_lrs(LRS, replicates(steps.transpose("rate", "round")))
        assert best.edge
        assert np.isfinite(best.value_r[0])
        assert np.isnan(best.value_r).any()
        found = optima(runs, fixed, one)
        assert np.isnan(found.fewest).all()
        assert np.isnan(lines(found).b_noise_line).all()

    def test_where_the_mean_step_may_ascend_one_step_has_no_optimum(self):
        runs, fixed, one = made()
        one.one_numerator_sem[0, 0] = one.one_numerator_mean[0, 0]
        found = optima(runs, fixed, one).sel(rule="sign", sense="one_step")
        assert np.isnan(found.lr_hat.values[0, 0])
        assert np.isfinite(found.lr_hat.values).sum() == 2 * len(BATCH) - 1
        np.testing.assert_allclose(found.log_lr_sem.values[0, 1:], 0.05)

    def test_without_sign_descent_there_is_no_optimum_of_its_step(self):
        found = optima(*made(rules=("adam",)))
        assert found.rule.values.tolist() == ["adam"]
        assert "one_step" not in found.sense.values
        assert np.isfinite(lines(found).b_noise_line).all()


class TestLines:
    def test_the_noise_scale_of_the_steps_is_found_again(self):
        found = lines(optima(*made()))
        np.testing.assert_allclose(found.b_noise_line, SCALE, rtol=0.05)
        np.testing.assert_allclose(found.s_min, 20, rtol=0.05)
        assert (found.b_noise_line_sem < 0.1).all()
        assert (found.line_dof == len(BATCH) - 2).all()
        assert (np.abs(found.b_noise_line / (2 * SCALE) - 1) > 0.3).all()

    def test_its_interval_is_student_s_over_rounds(self):
        runs, fixed, one = made()
        shaken = 1 + 0.1 * np.random.default_rng(3).standard_normal((len(BATCH), ROUNDS))
        shaken = xr.DataArray(shaken, {"batch": BATCH}, ("batch", "round"))
        runs = runs.assign(steps=(runs.steps * shaken).transpose(*runs.steps.dims))
        found = optima(runs, fixed, one).isel(target=[0]).sel(rule=["adam"])
        steps = found.fewest.isel(target=0, rule=0).transpose("batch", "replicate").values
        fits = line_fits(BATCH.astype(float), steps)
        left_out = np.log([one.value["B_noise"] for one in fits[1:]])
        plain = np.sqrt((ROUNDS - 1) * left_out.var())
        assert plain > 0.01
        assert lines(found).b_noise_line_sem.item() == pytest.approx(plain * widened(ROUNDS))
        assert widened(ROUNDS) > 1.2

    def test_the_line_is_that_of_all_rounds_and_not_of_all_but_one(self):
        runs, fixed, one = made()
        factor = np.where(np.arange(ROUNDS) == 0, 1 + 30 / BATCH[:, None], 1.0)  # (batch, round)
        shaped = xr.DataArray(factor, dims=("batch", "round"), coords={"batch": BATCH})
        runs = runs.assign(steps=(runs.steps * shaped).transpose(*runs.steps.dims))
        found = lines(optima(runs, fixed, one))
        left_out = lines(optima(runs.isel(round=slice(1, None)), fixed, one))
        assert (found.b_noise_line > 1.05 * left_out.b_noise_line).all()

    def test_the_paper_s_scale_is_the_mean_of_rates_over_the_law(self):
        """Theorem 3's: ⟨ε*/2 (√(B_noise/B) + √(B/B_noise))⟩."""
        found = optima(*made())
        whole = lines(found)
        noise = whole.b_noise_line.sel(rule="adam").values[:, None]
        rate = found.lr_hat.sel(rule="adam", sense="target").transpose("target", "batch").values
        law = np.mean(rate / 2 * (np.sqrt(noise / BATCH) + np.sqrt(BATCH / noise)), 1)
        scale = whole.eps_max_paper.sel(rule="adam", sense="target", form="surge")
        np.testing.assert_allclose(scale, law, rtol=1e-6)

    def test_without_fewest_steps_there_is_no_line(self):
        found = lines(optima(*made(best=2 * LRS[-1])))
        for name in ("s_min", "b_noise_line", "b_noise_line_sem", "line_chi2"):
            assert np.isnan(found[name]).all()

    def test_a_peak_is_found_where_there_is_one(self):
        found = optima(*made())
        surge = 2 / (np.sqrt(100 / BATCH) + np.sqrt(BATCH / 100))
        rise = BATCH / 1000.0
        bent = found.assign(lr_hat=found.lr_hat.copy())
        bent.lr_hat.loc[{"sense": "target"}] = surge
        bent.lr_hat.loc[{"sense": "fixed"}] = rise
        peak = lines(bent).b_peak
        np.testing.assert_allclose(peak.sel(sense="target"), 100, rtol=0.3)
        assert np.isnan(peak.sel(sense="fixed")).all()
