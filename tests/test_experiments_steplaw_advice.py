"""The model behind the advice: its shapes, how one is chosen, whether its intervals cover."""

import os
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import advice_datasets
import numpy as np
import pytest
import steplaw_datasets

from experiments import judge
from experiments.claim import Absent
from experiments.claims_advice import ADVICE_CLAIMS
from experiments.steplaw import advice
from experiments.steplaw.ends import bounds_of, inside
from experiments.steplaw.points import points_of, valleys
from experiments.steplaw.selection import calibrate, choose, own
from experiments.steplaw.shapes import RATE_SHAPES, design, fitted, log_lr, monomials
from experiments.steplaw.slices import optima, regret
from theory.rivals import RIVALS
from theory.symbols import B, B_noise, alpha, eps_max

DATA = os.environ.get("SURGE_DATA")
RNG = np.random.default_rng(0)
N, D, BATCH = (np.exp(RNG.uniform(low, high, 80)) for low, high in ((18, 21), (21, 25), (10, 15)))


@cache
def points():
    runs = steplaw_datasets.runs(advice_datasets.LAW, moe=False)
    return points_of(optima(runs))


def parameters(name: str) -> np.ndarray:
    """Some of every shape, of the size that data have."""
    values = {"eps_1": -6.0, "eps_N": -0.7, "eps_D": 0.3, "noise_N": -0.5, "noise_D": 0.8}
    return np.array([values.get(term, 0.11) for term in RATE_SHAPES[name].names])


class TestShapes:
    @pytest.mark.parametrize("name", RATE_SHAPES)
    def test_exact_rates_give_back_the_law(self, name):
        at, theta = design(RATE_SHAPES[name], N, D, BATCH), parameters(name)
        target = log_lr(at, theta[None])[0]
        found = fitted(at, target, np.ones((1, len(N))))
        assert log_lr(at, found)[0] == pytest.approx(target, abs=1e-3)

    @pytest.mark.parametrize("name", ["half", "saturating", "alpha", "surge", "power"])
    def test_a_shape_is_the_law_of_theory_with_powers_as_scales(self, name):
        theta = parameters(name)
        columns = monomials(("", "N", "D"), N, D, BATCH)
        rival = RIVALS[RATE_SHAPES[name].rival]
        noise = np.exp(columns @ theta[3:6]) if RATE_SHAPES[name].noise else np.ones(len(N))
        values = {eps_max: np.exp(columns @ theta[:3]), B: BATCH / 5e5, B_noise: noise}
        values[alpha] = np.exp(theta[-1])
        law = rival.law.jax(*(values[symbol] for symbol in rival.law.args))
        found = log_lr(design(RATE_SHAPES[name], N, D, BATCH), theta[None])[0]
        assert found == pytest.approx(np.log(np.asarray(law)), abs=1e-5)

    def test_many_copies_are_each_fitted_on_their_own(self):
        at = design(RATE_SHAPES["saturating"], N, D, BATCH)
        target = log_lr(at, parameters("saturating")[None])[0] + 0.1 * RNG.standard_normal(len(N))
        weight = RNG.uniform(0.5, 2, (3, len(N)))
        start = fitted(at, target, np.ones((1, len(N))))[0]
        together = fitted(at, target, weight, start, iterations=30)
        for one, w in zip(together, weight, strict=True):
            alone = fitted(at, target, w[None])[0]
            assert log_lr(at, one[None]) == pytest.approx(log_lr(at, alone[None]), abs=1e-3)

    def test_the_best_batch_of_every_cell_is_found(self):
        valley = valleys(points().slices)
        known = ~valley.bound
        assert np.exp(valley.target[known]) == pytest.approx(2.0**19, rel=0.35)


class TestSelection:
    def test_a_prediction_left_out_has_not_seen_its_cell(self):
        known = points()
        shapes = {"saturating": RATE_SHAPES["saturating"]}
        moved = known._replace(target=known.target + 1.0 * (known.cell == 2))
        one, other = choose(known, shapes), choose(moved, shapes)
        mine = known.cell == 2
        assert own(known, one.nested())[mine] == pytest.approx(own(moved, other.nested())[mine])
        assert one.nested()[2] == pytest.approx(other.nested()[2])
        assert not np.allclose(one.nested()[3], other.nested()[3])

    def test_the_law_behind_the_runs_is_chosen_whichever_cell_is_left_out(self):
        names = ["power", "half", "saturating", "surge", "quadratic"]
        found = choose(points(), {name: RATE_SHAPES[name] for name in names})
        assert {names[k] for k in found.by_cell} == {"saturating"}

    def test_intervals_cover_their_share_of_cells_alike(self):
        rng, covered, cells = np.random.default_rng(1), [], 40
        for _ in range(40):
            target = np.repeat(rng.standard_normal(cells), 2) + 0.3 * rng.standard_normal(2 * cells)
            found = calibrate(
                np.repeat(np.arange(cells), 2), target, np.ones(2 * cells, bool),
                np.zeros((cells, 2 * cells)), np.zeros(2 * cells), 0.9,
            )  # fmt: skip
            covered.append(found.covered)
        assert np.mean(covered) == pytest.approx(0.9, abs=0.03)

    def test_beyond_the_data_the_nearest_point_is_theirs(self):
        bounds = bounds_of(points())
        near = inside(bounds, np.array([1e20]), np.array([1.0]), np.array([5e5]))
        assert [float(v[0]) for v in near] == [bounds[1, 0], bounds[0, 1], 5e5]


class TestClaims:
    def test_without_the_part_nothing_is_judged(self):
        for claim in ADVICE_CLAIMS:
            with pytest.raises(Absent):
                claim.judge(advice_datasets.part().drop_vars("advice_regret"))

    def test_on_runs_that_follow_a_law_regrets_hold(self):
        for claim in ADVICE_CLAIMS:
            if claim.id.startswith(("advice/regret/", "advice/better/")):
                with np.errstate(all="ignore"):
                    assert claim.judge(_with_short(advice_datasets.part())).verdict == judge.HOLDS

    @pytest.mark.parametrize("kind", ["lr", "star", "batch"])
    def test_intervals_that_are_too_narrow_or_too_wide_fail(self, kind):
        (claim,) = (c for c in ADVICE_CLAIMS if c.id == f"advice/coverage/{kind}")
        for factor in (0.2, 5.0):
            part = advice_datasets.part()
            part[f"advice_{kind}_half"] *= factor
            assert claim.judge(part).verdict == judge.FAILS

    def test_a_rate_twice_the_advised_fails(self):
        runs, part = points().slices, advice_datasets.part()
        twice = regret(runs, part["advice_lr_left_out"].values[: runs.sizes["slice"]] + np.log(2))
        part["advice_regret"][0] = twice
        (claim,) = (c for c in ADVICE_CLAIMS if c.id == "advice/regret/mean")
        assert claim.judge(part).verdict == judge.FAILS


def _with_short(part):
    """The same with one cell in which every slice is short: the made-up runs have none."""
    part["advice_slice_D"][:2] = 3000 * part["advice_slice_batch"][:2]
    return part


@pytest.fixture(scope="module")
def real():
    from experiments.steplaw.data import load_runs

    spec: Any = SimpleNamespace(resamples=100, seed=0, steps=(0,))
    return advice.measure(load_runs(Path(str(DATA))), spec)


@pytest.mark.skipif(DATA is None, reason="needs SURGE_DATA")
class TestRealRuns:
    @pytest.mark.parametrize("claim", ADVICE_CLAIMS, ids=lambda claim: claim.id)
    def test_every_claim_has_the_verdict_expected(self, claim, real):
        assert claim.judge(real).verdict == claim.expected

    def test_all_published_slices_and_cells_are_there(self, real):
        assert real.sizes["advice_slice"] == 304
        assert real.sizes["advice_cell"] == 42
        assert int((real["advice_slice_D"] >= 4000 * real["advice_slice_batch"]).sum()) == 281
