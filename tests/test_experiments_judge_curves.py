"""Judging the shape of a curve: does it fall anywhere, and with which exponent does it rise?"""

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm
from test_experiments_judge import FINEST, LAW, NAN, SEM, SIZE, Z, at

from experiments import judge
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE

BATCH = 2.0 ** np.arange(SIZE)
monotone = partial(judge.monotone, n=7, z=Z, finest=FINEST)
exponent = partial(judge.exponent, n=7, z=Z)


class TestMonotone:
    falling = (LAW[::-1], SEM[::-1])

    def test_holds_for_a_curve_that_rises_or_stays(self):
        assert monotone(LAW, SEM, {"falls": self.falling}) == (
            HOLDS, 0.0, Z, pytest.approx(Z * np.sqrt(2) * 0.001 + 1e-5), 7, {"falls": True},
        )  # fmt: skip
        assert monotone(np.ones(SIZE), np.full(SIZE, 1e-3), {}).verdict == HOLDS

    def test_fails_when_a_later_point_is_below_any_earlier_one(self):
        plateau = np.minimum(LAW, 1.0)
        for index in (SIZE - 1, SIZE - 2):
            assert monotone(plateau * at(index, 0.98), 1e-3 * plateau, {}).verdict == FAILS

    def test_finds_a_fall_of_twice_the_resolution(self):
        rng, sem = np.random.default_rng(7), np.full(SIZE, 1e-3)
        fall = 1 - 2 * (Z * np.sqrt(2) * 1e-3 + 1e-5)
        for _ in range(100):
            mean = at(SIZE - 1, fall) + np.clip(rng.normal(size=SIZE), -2, 2) * sem
            assert monotone(mean, sem, {}).verdict == FAILS

    def test_alarms_falsely_no_more_often_than_promised(self):
        rng, rate, runs, size = np.random.default_rng(8), 0.05, 2000, 8
        z = float(norm.isf(rate / (size * (size - 1) / 2)))
        sem = np.full(size, 1e-3)
        draws = 1 + sem * rng.normal(size=(runs, size))
        verdicts = [judge.monotone(d, sem, {}, n=7, z=z, finest=1.0).verdict for d in draws]
        assert verdicts.count(FAILS) <= runs * rate + 4 * np.sqrt(runs * rate)

    def test_is_inconclusive_when_too_coarse(self):
        assert monotone(LAW, 0.01 * LAW, {}).verdict == INCONCLUSIVE

    def test_a_slow_decline_over_many_batches_is_seen(self):
        mean = 1 - 0.6 * Z * np.sqrt(2) * 1e-3 * np.arange(SIZE)
        neighbours = -np.diff(mean) / (np.sqrt(2) * 1e-3)
        assert neighbours.max() < Z
        assert monotone(mean, np.full(SIZE, 1e-3), {}).verdict == FAILS

    def test_is_inconclusive_when_a_control_does_not_fall(self):
        outcome = monotone(LAW, SEM, {"rises": (LAW, SEM)})
        assert outcome.verdict == INCONCLUSIVE
        assert outcome.controls == {"rises": False}

    @pytest.mark.parametrize("index", [0, 7, SIZE - 1])
    def test_a_value_that_is_not_a_number_is_never_monotone(self, index):
        assert monotone(LAW * at(index, NAN), SEM, {}).verdict == INCONCLUSIVE
        assert monotone(LAW, SEM * at(index, NAN), {}).verdict == INCONCLUSIVE


class TestExponent:
    x = BATCH[:4]

    def judge(self, slope, relative=1e-3, value=0.5, rival=1.0, **changes):
        mean = 3.0 * self.x**slope * changes.get("noise", 1.0)
        return exponent(self.x, mean, relative * mean, value, rival)

    def test_holds_at_the_expected_exponent_and_excludes_the_rival(self):
        outcome = self.judge(0.5)
        assert outcome.verdict == HOLDS
        assert outcome.statistic == pytest.approx(0.5)
        assert outcome.threshold == 1.0
        assert outcome.controls == {"exponent 1.0": True}

    def test_fails_at_the_rival_and_at_any_clearly_other_exponent(self):
        for slope in (1.0, 0.7, 0.3, -0.5):
            assert self.judge(slope).verdict == FAILS

    def test_finds_an_error_of_twice_the_resolution_beyond_its_tolerance(self):
        rng, half = np.random.default_rng(9), self.judge(0.5).resolution
        for _ in range(300):
            noise = 1 + 1e-3 * np.clip(rng.normal(size=4), -3, 3)
            assert self.judge(0.5 + 0.05 + 2 * half, noise=noise).verdict == FAILS

    def test_its_interval_covers_the_truth_as_often_as_promised(self):
        rng, runs, misses = np.random.default_rng(10), 4000, 0
        mean = 3.0 * self.x**0.5
        for _ in range(runs):
            drawn = mean * (1 + 0.01 * rng.normal(size=4))
            got = judge.exponent(self.x, drawn, 0.01 * mean, 0.5, 1.0, n=7, z=1.96)
            misses += abs(got.statistic - 0.5) > got.resolution
        assert abs(misses - 0.05 * runs) < 4 * np.sqrt(0.05 * runs)

    def test_is_inconclusive_when_too_coarse(self):
        outcome = self.judge(0.5, relative=0.3)
        assert outcome.verdict == INCONCLUSIVE
        assert outcome.controls == {"exponent 1.0": False}
        assert self.judge(0.5, relative=0.05).verdict == INCONCLUSIVE

    def test_a_value_that_is_not_a_number_is_inconclusive(self):
        for noise in (np.array([1, NAN, 1, 1]), NAN):
            assert self.judge(0.5, noise=noise).verdict == INCONCLUSIVE
