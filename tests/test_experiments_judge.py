"""What a judgement says of data that agree, that differ, that are too coarse or not numbers.

Data are drawn from a normal distribution of known mean and standard error, so the truth is known.
"""

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from experiments import judge
from experiments.claim import Claim
from experiments.claims import judged
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE

Z, FINEST, SIZE = 5.0, 0.01, 20
LAW = np.geomspace(0.01, 10.0, SIZE)
SEM = 0.001 * LAW
NAN = np.nan


def at(index: int, value: float) -> np.ndarray:
    """Ones, and `value` at one place."""
    result = np.ones(SIZE)
    result[index] = value
    return result


agreement = partial(judge.agreement, n=7, z=Z, finest=FINEST)
within = partial(judge.within, n=7)
exceeds = partial(judge.exceeds, n=7, z=Z)


def test_the_critical_value_shares_the_false_alarm_rate_among_comparisons():
    for comparisons in (1, 10, 2500):
        tail = 2 * norm.sf(judge.critical_z(comparisons))
        assert tail * comparisons == pytest.approx(judge.FAMILY_WISE)


class TestAgreement:
    def test_holds_for_the_law_itself(self):
        outcome = agreement(LAW, SEM, LAW, {})
        assert outcome == (HOLDS, 0.0, Z, pytest.approx(Z * 0.001 + 1e-5), 7, {})

    @pytest.mark.parametrize("side", [-1, 1])
    @pytest.mark.parametrize("index", [0, SIZE - 1])
    def test_finds_an_error_of_twice_the_resolution_in_any_one_place(self, side, index):
        rng = np.random.default_rng(index)
        truth = LAW * at(index, 1 + side * 2 * (Z * 0.001 + 1e-5))
        for _ in range(300):
            mean = truth + np.clip(rng.normal(size=SIZE), -4.5, 4.5) * SEM
            assert agreement(mean, SEM, LAW, {}).verdict == FAILS

    def test_does_not_find_an_error_of_half_the_resolution(self):
        assert agreement(LAW * (1 + 0.5 * Z * 0.001), SEM, LAW, {}).verdict == HOLDS

    def test_alarms_falsely_no_more_often_than_promised(self):
        rng, rate, runs = np.random.default_rng(1), 0.05, 4000
        z = float(norm.isf(rate / (2 * SIZE)))
        means = LAW + SEM * rng.normal(size=(runs, SIZE))
        alarms = sum(
            judge.agreement(m, SEM, LAW, {}, n=7, z=z, finest=1.0).verdict == FAILS for m in means
        )
        assert alarms <= runs * rate + 4 * np.sqrt(runs * rate)
        assert alarms >= 0.5 * runs * rate  # and it can alarm

    def test_is_inconclusive_when_too_coarse_and_yet_fails_a_clear_error(self):
        coarse = 0.01 * LAW
        assert agreement(LAW, coarse, LAW, {}).verdict == INCONCLUSIVE
        assert agreement(1.2 * LAW, coarse, LAW, {}).verdict == FAILS
        assert agreement(LAW, SEM * at(3, 10.0), LAW, {}).verdict == INCONCLUSIVE

    def test_measurements_that_do_not_vary_are_held_to_rounding(self):
        still = np.zeros(SIZE)
        assert agreement(LAW * (1 + 0.9e-5), still, LAW, {}).verdict == HOLDS
        outcome = agreement(LAW * (1 + 2.1e-5), still, LAW, {})
        assert outcome.verdict == FAILS
        assert np.isfinite(outcome.statistic)

    def test_lists_a_control_only_where_it_differs_and_rejects_it_there(self):
        controls = {"same": LAW, "near": LAW * 1.005, "far": LAW * at(4, 1.03), "none": LAW * NAN}
        outcome = agreement(LAW, SEM, LAW, controls)
        assert outcome.controls == {"far": True}
        assert outcome.verdict == HOLDS

    def test_ignores_where_a_control_does_not_apply(self):
        partly = LAW * at(4, 1.03) * at(5, NAN)
        assert agreement(LAW, SEM, LAW, {"partly": partly}).controls == {"partly": True}

    def test_rejects_a_control_whatever_the_noise_within_the_law_s_own_limits(self):
        rng = np.random.default_rng(2)
        for _ in range(300):
            mean = LAW + np.clip(rng.normal(size=SIZE), -Z, Z) * SEM
            wrong = LAW * (1 + rng.uniform(-0.02, 0.02, size=SIZE))
            assert all(agreement(mean, SEM, LAW, {"wrong": wrong}).controls.values())

    def test_a_control_that_describes_the_data_better_than_the_law_passes_and_nothing_holds(self):
        outcome = agreement(LAW * 1.02, SEM, LAW, {"wrong": LAW * 1.02})
        assert outcome.controls == {"wrong": False}
        assert outcome.verdict == FAILS

    @pytest.mark.parametrize("where", ["mean", "sem", "law"])
    @pytest.mark.parametrize("index", [0, 7, SIZE - 1])
    def test_a_value_that_is_not_a_number_is_never_agreement(self, where, index):
        given = {"mean": LAW, "sem": SEM, "law": LAW}
        given[where] = given[where] * at(index, NAN)
        mean, sem, law = given.values()
        assert agreement(mean, sem, law, {}).verdict == INCONCLUSIVE


class TestWithin:
    band = (0.8, 1.25)

    def test_holds_when_every_interval_is_inside(self):
        outcome = within(np.array([0.9, 1.1]), np.array([0.05, 0.1]), self.band, {})
        assert outcome == (HOLDS, 0.9, 0.8, 0.1, 7, {})

    def test_fails_when_one_interval_is_wholly_outside(self):
        for wrong in (0.6, 1.5):
            outcome = within(np.array([1.0, wrong, 1.0]), 0.1, self.band, {})
            assert outcome.verdict == FAILS
            assert outcome.statistic == wrong
            assert outcome.threshold == (0.8 if wrong < 1 else 1.25)

    @pytest.mark.parametrize("value", [0.75, 0.85, 1.2, 1.3])
    def test_is_inconclusive_when_an_interval_crosses_the_edge(self, value):
        assert within(np.array([1.0, value]), 0.1, self.band, {}).verdict == INCONCLUSIVE

    def test_finds_an_error_of_twice_the_resolution_beyond_the_band(self):
        rng = np.random.default_rng(3)
        for _ in range(300):
            value = 1.25 + 2 * 0.1 + np.clip(0.05 * rng.normal(), -0.099, 0.099)
            assert within(np.array([value]), 0.1, self.band, {}).verdict == FAILS

    def test_fails_a_law_inside_the_band_no_more_often_than_its_intervals_miss(self):
        rng, runs = np.random.default_rng(4), 4000
        draws = 1.25 + 0.1 * rng.normal(size=runs)  # at the very edge
        failed = sum(
            within(np.array([x]), 1.96 * 0.1, self.band, {}).verdict == FAILS for x in draws
        )
        assert failed <= 0.025 * runs + 4 * np.sqrt(0.025 * runs)

    def test_is_inconclusive_when_a_control_is_inside_the_band_too(self):
        outcome = within(np.array([1.0]), 0.01, self.band, {"wrong": np.array([1.1])})
        assert outcome.verdict == INCONCLUSIVE
        assert outcome.controls == {"wrong": False}
        rejected = within(np.array([1.0]), 0.01, self.band, {"wrong": np.array([1.1, 1.4])})
        assert rejected.verdict == HOLDS
        assert rejected.controls == {"wrong": True}

    def test_a_value_that_is_not_a_number_is_never_inside(self):
        assert within(np.array([1.0, NAN]), 0.01, self.band, {}).verdict == INCONCLUSIVE
        assert within(np.array([1.0]), NAN, self.band, {}).verdict == INCONCLUSIVE
        assert within(np.array([1.0, 1.0]), np.array([0.1, NAN]), self.band, {}).verdict == (
            INCONCLUSIVE
        )


class TestExceeds:
    def test_holds_when_all_differences_are_clearly_positive(self):
        outcome = exceeds(6 * SEM, SEM, {})
        assert outcome.verdict == HOLDS
        assert outcome.statistic == pytest.approx(6.0)
        assert outcome.resolution == pytest.approx(Z * SEM.max())

    def test_fails_when_one_is_clearly_negative(self):
        assert exceeds(10 * SEM * at(2, -0.6), SEM, {}).verdict == FAILS

    def test_finds_a_difference_of_twice_the_resolution(self):
        rng = np.random.default_rng(5)
        for _ in range(300):
            noise = np.clip(rng.normal(size=SIZE), -4.5, 4.5)
            assert exceeds((2 * Z + noise) * SEM, SEM, {}).verdict == HOLDS
            assert exceeds((-2 * Z + noise) * SEM, SEM, {}).verdict == FAILS

    def test_is_inconclusive_near_zero(self):
        assert exceeds(10 * SEM * at(2, 0.4), SEM, {}).verdict == INCONCLUSIVE
        assert exceeds(10 * SEM * at(2, -0.4), SEM, {}).verdict == INCONCLUSIVE

    def test_alarms_falsely_no_more_often_than_promised(self):
        rng, rate, runs = np.random.default_rng(6), 0.05, 4000
        z = float(norm.isf(rate / SIZE))
        draws = SEM * rng.normal(size=(runs, SIZE))
        verdicts = [judge.exceeds(d, SEM, {}, n=7, z=z).verdict for d in draws]
        assert verdicts.count(FAILS) <= runs * rate + 4 * np.sqrt(runs * rate)
        assert verdicts.count(HOLDS) == 0

    def test_is_inconclusive_when_a_control_exceeds_too(self):
        good = 10 * SEM
        assert exceeds(good, SEM, {"wrong": (good * at(3, 0.0), SEM)}).verdict == HOLDS
        outcome = exceeds(good, SEM, {"wrong": (good, SEM)})
        assert outcome.verdict == INCONCLUSIVE
        assert outcome.controls == {"wrong": False}

    def test_takes_single_numbers(self):
        assert exceeds(np.float64(6.0), np.float64(1.0), {}).verdict == HOLDS

    def test_a_difference_that_is_not_a_number_is_never_above_zero(self):
        assert exceeds(10 * SEM * at(2, NAN), SEM, {}).verdict == INCONCLUSIVE
        assert exceeds(10 * SEM, SEM * at(2, NAN), {}).verdict == INCONCLUSIVE
        nan_control = (10 * SEM * NAN, SEM)
        assert exceeds(10 * SEM, SEM, {"wrong": nan_control}).verdict == INCONCLUSIVE


def test_a_row_with_a_number_that_is_not_finite_is_inconclusive_and_printable():
    for bad in (NAN, np.inf):
        for place in range(3):
            numbers = [1.0, 2.0, 0.1]
            numbers[place] = bad
            outcome = judge.Outcome(HOLDS, numbers[0], numbers[1], numbers[2], 7, {"wrong": True})
            claim = Claim("a", "b", "c", "d", "e", "mean", "f", HOLDS, lambda _, o=outcome: o)
            row = judged(claim, object(), 0.0)  # type: ignore[arg-type]
            assert row["verdict"] == INCONCLUSIVE
            assert np.isfinite([row["statistic"], row["threshold"], row["resolution"]]).all()


def test_an_unknown_kind_of_claim_is_refused():
    with pytest.raises(ValueError, match="unknown kind"):
        Claim("a", "b", "c", "d", "e", "guess", "f", HOLDS, lambda _: None)  # type: ignore[arg-type]
