"""Fits: every rival is found in its own data, intervals cover, bad input is one clear error."""

import numpy as np
import pytest

from experiments.errors import InputError
from experiments.fit import bootstrap, data_of, fit, scores
from experiments.least_squares import model_of
from theory.rivals import RIVALS, Rival
from theory.symbols import B_noise, S_min
from theory.tradeoff import RUN_STEPS

BATCH = 2.0 ** np.arange(17)
TRUE = {"epsilon_max": 0.3, "B_noise": 90.0, "alpha": 0.7, "q": 6.0}
ALL = pytest.mark.parametrize("name", RIVALS)


def truth(name, batch=BATCH):
    """Values of a rival at `TRUE`, and those of its parameters that are free."""
    rival = RIVALS[name]
    values = {s.name: TRUE[s.name] for s in rival.free}
    if name == "lower_bound":
        values["B_noise"] = 0.4  # the law is positive only above
    model = model_of(rival, batch)
    return np.exp(model.log(np.log(np.array([*values.values()])))), values


@ALL
def test_a_rival_is_found_in_its_own_data_and_nothing_is_left_over(name):
    rate, values = truth(name)
    found = fit(RIVALS[name], data_of(BATCH, rate, 0.01 * rate), thorough=False)
    assert found.worst < 1e-5
    for parameter, value in found.value.items():
        assert value == pytest.approx(values[parameter], rel=1e-4)
    np.testing.assert_allclose(found.rate, rate, rtol=1e-5)


@pytest.mark.parametrize("name", ["linear", "power", "half", "knee", "coherent"])
def test_a_bracket_holds_the_best_value_and_widens_with_the_errors(name):
    rate, _ = truth(name)
    narrow, wide = (fit(RIVALS[name], data_of(BATCH, rate, s * rate)) for s in (0.01, 0.03))
    for parameter, value in narrow.value.items():
        assert narrow.low[parameter] <= value <= narrow.high[parameter]
        assert wide.low[parameter] <= narrow.low[parameter] * (1 + 1e-9)
        assert wide.high[parameter] >= narrow.high[parameter] * (1 - 1e-9)


def test_an_interval_of_a_straight_line_is_the_textbook_one():
    """A free power is a line in logarithms: slope ± 1.96/√Σ w (x − x̄)²."""
    rate, _ = truth("power")
    found = fit(RIVALS["power"], data_of(BATCH, rate, 0.02 * rate))
    x = np.log(BATCH)
    half = 1.959964 / np.sqrt(((x - x.mean()) ** 2).sum() / 0.02**2)
    ends = [0.7 - half, 0.7 + half]
    assert [found.low["alpha"], found.high["alpha"]] == pytest.approx(ends, rel=2e-4)


def test_95_per_cent_intervals_cover_as_often():
    rate, values = truth("half")
    rng, inside, tries = np.random.default_rng(0), 0, 60
    for _ in range(tries):
        noisy = rate * np.exp(0.1 * rng.standard_normal(len(rate)))
        found = fit(RIVALS["half"], data_of(BATCH, noisy, 0.1 * noisy))
        inside += found.low["B_noise"] <= values["B_noise"] <= found.high["B_noise"]
    assert abs(inside / tries - 0.95) < 4 * np.sqrt(0.95 * 0.05 / tries)


def test_the_deepest_of_many_valleys_is_found():
    """The kink of a knee gives a valley between any two batch sizes; compare a fine search."""
    rng = np.random.default_rng(1)
    batch = 4.0 ** np.arange(7)
    for _ in range(5):
        rate = truth("alpha", batch)[0] * np.exp(0.1 * rng.standard_normal(7))
        data = data_of(batch, rate, 0.05 * rate)
        found = fit(RIVALS["knee"], data, thorough=False)
        model = model_of(RIVALS["knee"], batch)
        knees, powers = np.meshgrid(np.linspace(-2, 12, 400), np.linspace(-2, 1.5, 300))
        grid = np.stack([0 * knees, knees, powers], -1).reshape(-1, 3)
        gap = model.log(grid) - data.log_rate
        least = (gap - gap.mean(-1, keepdims=True)) ** 2 @ data.weight
        assert found.chi2 <= least.min() * (1 + 1e-9)


def test_a_point_left_out_is_predicted_by_a_fit_to_the_others():
    rng = np.random.default_rng(2)
    rate = truth("alpha")[0] * np.exp(0.05 * rng.standard_normal(len(BATCH)))
    rival, gaps = RIVALS["alpha"], []
    for i in range(len(BATCH)):
        others = np.arange(len(BATCH)) != i
        part = fit(rival, data_of(BATCH[others], rate[others], 0.05 * rate[others]),
                   thorough=False)  # fmt: skip
        logarithms = np.log(np.array([*part.value.values()]))
        gaps.append(model_of(rival, BATCH[[i]]).log(logarithms)[0] - np.log(rate[i]))
    whole = fit(rival, data_of(BATCH, rate, 0.05 * rate))
    assert whole.left_out == pytest.approx(np.sqrt(np.mean(np.square(gaps))), rel=1e-3)


def test_scores_rank_the_true_law_first_and_count_its_parameters():
    rate, _ = truth("coherent")
    rng = np.random.default_rng(3)
    noisy = rate * (1 + 0.01 * rng.standard_normal(len(rate)))
    table = scores(BATCH, noisy, 0.01 * rate, thorough=False)
    assert table.rival.values[table.aicc.values.argmin()] == "coherent"
    assert float(table.delta_aicc.sel(rival="coherent")) == 0
    assert (table.dof == [len(BATCH) - len(r.free) for r in RIVALS.values()]).all()
    one = table.sel(rival="coherent")
    assert float(one.aicc) == pytest.approx(float(one.chi2) + 6 + 24 / 13)
    assert float(one.form) == pytest.approx(6, rel=0.05)
    assert np.isnan(table.form.sel(rival="half"))


def test_the_order_of_the_points_is_nothing_and_two_fits_are_the_same():
    rate, _ = truth("mean_field")
    noisy = rate * np.exp(0.05 * np.sin(np.arange(17.0)))
    order = np.random.default_rng(4).permutation(17)
    first, again, shuffled = (
        fit(RIVALS["mean_field"], data_of(BATCH[i], noisy[i], 0.05 * noisy[i]))
        for i in (slice(None), slice(None), order)
    )
    assert first.value == again.value
    assert first.low == again.low
    for name, value in first.value.items():
        assert shuffled.value[name] == pytest.approx(value, rel=1e-5)


def test_rates_in_other_units_change_the_scale_alone():
    rate, _ = truth("alpha")
    noisy = rate * np.exp(0.05 * np.cos(np.arange(17.0)))
    one, other = (fit(RIVALS["alpha"], data_of(BATCH, u * noisy, 0.02 * u * noisy))
                  for u in (1.0, 1e-5))  # fmt: skip
    assert other.value["epsilon_max"] == pytest.approx(1e-5 * one.value["epsilon_max"], rel=1e-6)
    assert other.value["alpha"] == pytest.approx(one.value["alpha"], rel=1e-6)
    assert other.chi2 == pytest.approx(one.chi2, rel=1e-9)


def test_without_errors_their_size_is_taken_from_the_fit():
    rate, _ = truth("half")
    noisy = rate * np.exp(0.1 * np.random.default_rng(5).standard_normal(17))
    unknown = fit(RIVALS["half"], data_of(BATCH, noisy))
    size = np.sqrt(unknown.chi2 / unknown.dof)
    known = fit(RIVALS["half"], data_of(BATCH, noisy, size * noisy))
    assert unknown.value["B_noise"] == pytest.approx(known.value["B_noise"], rel=1e-6)
    assert unknown.low["B_noise"] == pytest.approx(known.low["B_noise"], rel=1e-6)
    assert unknown.aicc != known.aicc


def test_missing_rates_are_left_out_and_counted():
    rate, _ = truth("half")
    holed = rate.copy()
    holed[[0, 5]] = np.nan
    table = scores(BATCH, holed, 0.01 * rate, thorough=False)
    assert table.attrs["excluded"] == 2
    assert table.sizes["batch"] == 15
    assert float(table.B_noise.sel(rival="half")) == pytest.approx(90, rel=1e-5)


@pytest.mark.parametrize("points", [1, 2, 3, 4])
def test_few_points_are_fitted_by_what_they_determine(points):
    rate, _ = truth("alpha")
    table = scores(BATCH[:points], rate[:points], 0.01 * rate[:points], thorough=points == 3)
    count = [len(rival.free) for rival in RIVALS.values()]
    assert (np.isnan(table.chi2) == (points < np.array(count))).all()
    assert (np.isnan(table.aicc) | (table.aicc > -1)).all()


def test_exact_rates_need_a_floor():
    rate, _ = truth("half")
    exact = 0 * rate
    with pytest.raises(InputError, match="floor"):
        data_of(BATCH, rate, exact)
    np.testing.assert_allclose(data_of(BATCH, rate, exact, floor=0.01).weight, 1e4)


@pytest.mark.parametrize(
    ("batch", "rate", "sem", "words"),
    [([], [], [], "no rate"), ([1, 2], [np.nan] * 2, [1, 1], "no rate"),
     ([1, 2], [1], [1, 1], "shapes"), ([[1]], [[1]], [[1]], "shapes"),
     ([0, 1], [1, 1], [1, 1], "each batch"),
     ([-1, 1], [1, 1], [1, 1], "each batch"), ([1, np.nan], [1, 1], [1, 1], "each batch"),
     ([1, 2], [1, -1], [1, 1], "each rate"), ([1, 2], [1, np.inf], [1, 1], "each rate"),
     ([1, 2], [1, 1], [1, -1], "standard error"), ([1, 2], [1, 1], [1, np.nan], "standard error")],
)  # fmt: skip
def test_bad_data_are_refused_with_one_sentence(batch, rate, sem, words):
    with pytest.raises(InputError, match=words):
        data_of(batch, rate, sem)


def test_a_parameter_without_a_bound_has_an_open_interval():
    """Rates that grow as √B tell of no saturation: B_noise may be as large as you like."""
    rate, _ = truth("root")
    found = fit(RIVALS["half"], data_of(BATCH, rate, 0.02 * rate))
    assert np.isinf(found.high["B_noise"])
    assert found.low["B_noise"] > BATCH[-1]


def test_the_bootstrap_spreads_as_the_interval():
    rate, _ = truth("half")
    noisy = rate * np.exp(0.1 * np.random.default_rng(6).standard_normal(17))
    data = data_of(BATCH, noisy, 0.1 * noisy)
    found, drawn = fit(RIVALS["half"], data), bootstrap(RIVALS["half"], data, copies=100)
    assert drawn.shape == (100, 2)
    width = np.log(found.high["B_noise"] / found.low["B_noise"]) / (2 * 1.96)
    assert 0.5 < np.log(drawn[:, 1]).std() / width < 2
    np.testing.assert_array_equal(drawn, bootstrap(RIVALS["half"], data, copies=100))


def test_steps_against_batch_size_give_the_line_of_steps_and_samples():
    steps = np.asarray(RUN_STEPS.jax(BATCH, 40.0, 700.0))
    noisy = steps * np.exp(0.02 * np.random.default_rng(7).standard_normal(17))
    found = fit(Rival(RUN_STEPS, (S_min, B_noise), "steps"), data_of(BATCH, noisy, 0.02 * noisy))
    assert found.low["S_min"] < 40 < found.high["S_min"]
    assert found.low["B_noise"] < 700 < found.high["B_noise"]
    assert found.high["B_noise"] / found.low["B_noise"] < 1.2
