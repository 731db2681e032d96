"""Reading off a grid of published runs, and how far the losses are from a bowl."""

import numpy as np
import pytest
import steplaw_published_datasets as made
from test_experiments_steplaw_published import dense

from experiments.steplaw.convexity import LEVELS, dents, noise_of, second_valleys, valleys
from experiments.steplaw.grid import READINGS, grid_of, grids, outside, read_off


class TestGrid:
    x, y = np.meshgrid(np.arange(5) * made.RUNG, [10.0, 10.5, 12.0, 13.0])
    z = np.add.outer([0.4, 0.1, 0.2, 0.5], [0.3, 0.1, 0.0, 0.2, 0.6])
    grid = grid_of(np.exp(x).ravel(), np.exp(y).ravel(), np.exp(z).ravel())

    @pytest.mark.parametrize("reading", READINGS)
    def test_a_run_is_read_off_as_it_is(self, reading):
        x, y = np.meshgrid(self.grid.log_lr, self.grid.log_batch)
        np.testing.assert_allclose(
            read_off(self.grid, x, y, reading), self.grid.log_loss, atol=1e-9
        )

    def test_half_way_is_the_mean_and_beyond_the_border_it_stands_still(self):
        x = self.grid.log_lr[:2].mean()
        value = read_off(self.grid, x, 10.0, "bilinear")
        assert value == pytest.approx(self.grid.log_loss[0, :2].mean())
        far = read_off(self.grid, -5.0, 99.0, "bilinear")
        assert far == pytest.approx(self.grid.log_loss[-1, 0])
        assert outside(self.grid, -5.0, 11.0)
        assert not outside(self.grid, x, 11.0)

    def test_a_missing_run_is_filled_in_and_is_nobodys_best(self):
        lr, batch = (np.exp(v).ravel() for v in np.meshgrid([0.0, 1.0, 2.0], [5.0, 6.0]))
        loss = np.exp([0.3, 0.0, 0.1, 0.5, 0.4, 0.6])
        grid = grid_of(lr[1:], batch[1:], loss[1:])
        assert not grid.there[0, 0]
        assert grid.log_loss[0, 0] == pytest.approx(0.0)
        assert grid.best_batch == pytest.approx(5.0)


def bowl_with(extra: np.ndarray) -> dict:
    x, y = np.meshgrid(np.arange(9) * made.RUNG, np.arange(7) * made.RUNG)
    value = 0.01 * ((x - x.mean()) ** 2 + (y - y.mean()) ** 2) + extra
    return {0: grid_of(np.exp(x).ravel(), np.exp(y).ravel(), np.exp(value).ravel())}


class TestConvexity:
    noise = np.full(len(LEVELS) - 1, 2e-4)

    def test_a_bowl_has_one_valley_and_no_dent(self):
        grid = bowl_with(np.zeros((7, 9)))
        assert float(second_valleys(grid, self.noise, 4.0)["valleys"].sum()) == 0
        found = dents(grid, self.noise, 4.0)
        assert float(found["convex_dents"].sum()) == 0
        assert float(found["convex_curvature"][-1]) == pytest.approx(0.02)

    def test_a_second_valley_is_found_with_its_depth(self):
        pit = np.zeros((7, 9))
        pit[1, 1] = -0.012
        depth, _ = valleys(bowl_with(pit)[0])
        around = bowl_with(np.zeros((7, 9)))[0].log_loss
        climb = around[2, 2] - (around[1, 1] - 0.012)  # over the lowest neighbour
        assert depth[0] == pytest.approx(climb)
        assert float(second_valleys(bowl_with(pit), self.noise, 4.0)["valleys"].sum()) == 1

    def test_a_ridge_is_a_dent(self):
        ridge = np.zeros((7, 9))
        ridge[3, 6] = 0.008
        assert float(dents(bowl_with(ridge), self.noise, 4.0)["convex_dents"][-1]) == 1

    def test_noise_is_measured_about_a_bowl_and_makes_no_second_valley(self):
        noisy = grids(dense(made.runs(1e-3, seed=5)))
        noise = noise_of(noisy)
        assert noise[:4].mean() == pytest.approx(1e-3, rel=0.15)  # less where the worst is low
        assert float(second_valleys(noisy, noise, 4.0)["valleys"].sum()) == 0
