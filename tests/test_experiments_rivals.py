"""The fits of rivals, and claims on them: each can hold, fail and stay open, by the curve."""

import numpy as np
import pytest
import xarray as xr

from experiments import rivals
from experiments.claims import judged
from experiments.claims_rivals import DESCRIBING, RIVAL_CLAIMS
from experiments.errors import InputError
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from experiments.rival_fits import BAND, EXACT, NETWORK, QUADRATIC, curves, fitted, together
from experiments.rivals import Spec
from experiments.store import Store
from theory.rivals import RIVALS

CLAIMS = {claim.id: claim for claim in RIVAL_CLAIMS}
BATCH = 4.0 ** np.arange(9)
KAPPA2, COHERENCE = 100.0, 10.0


def quadratic(name: str, *form: float, relative: float = 1e-3) -> xr.Dataset:
    """A dataset in which ε* of sign descent on `rank_one` is the rival called `name`."""
    scale = np.pi * KAPPA2 / 2
    rate = np.asarray(RIVALS[name].law.jax(BATCH, 0.3, scale, *form))[None, None]
    dims = ("problem", "rule", "batch")
    columns = {
        "lr_star_mean": (dims, rate),
        "lr_star_sem": (dims, relative * rate),
        "draws": (dims, np.full((1, 1, 9), 100)),
        "ratio_max": ("problem", [0.1]),
        "ratio_common": ("problem", [True]),
        "Q": ("problem", [COHERENCE]),
        "trace": ("problem", [1.0]),
    }
    coords = {"problem": ["rank_one"], "rule": ["sign"], "batch": BATCH.astype(int)}
    return xr.Dataset(columns, coords)


def network() -> xr.Dataset:
    """A dataset of a network at two checkpoints, without an ε* at one batch size."""
    rate = np.asarray(RIVALS["alpha"].law.jax(4.0 ** np.arange(7), 0.01, 90.0, 0.6))
    dims = ("network", "checkpoint", "batch")
    rates = np.stack([rate, 0.1 * rate])[None]
    rates[0, 0, 3] = np.nan
    return xr.Dataset(
        {
            "lr_star_mean": (dims, rates),
            "lr_star_sem": (dims, 0.02 * rates * (np.arange(7) > 0)),
            "denominator_draws": (dims, np.full((1, 2, 7), 9)),
            "target": ("checkpoint", [np.inf, 0.3]),
            "loss": (dims[:2], [[2.4, 0.29]]),
        },
        {"network": ["digits_mlp"], "checkpoint": [0, 1], "batch": 4 ** np.arange(7)},
    )


def fits(data: xr.Dataset, *laws: str) -> xr.Dataset:
    """The dataset of the experiment."""
    found = list(curves(QUADRATIC if "problem" in data.dims else NETWORK, data))
    return together(found, [fitted(curve, laws, fine=9) for curve in found])


def verdict(id: str, data: xr.Dataset) -> str:
    row = judged(CLAIMS[f"onestep_quadratic/rival/{id}"], data, 0.0)
    assert row["verdict"] != HOLDS or all(control["rejected"] for control in row["controls"])
    return row["verdict"]


@pytest.fixture(scope="module")
def surging() -> xr.Dataset:
    names = ("linear", "root", "power", "saturating", "coherent", "mean_field")
    return fits(quadratic("coherent", COHERENCE, relative=2e-4), *names)


@pytest.fixture(scope="module")
def networks() -> xr.Dataset:
    return fits(network(), "linear", "alpha")


class TestFits:
    def test_a_law_s_own_curve_gives_back_its_parameters(self, surging):
        row = surging.isel(curve=0).sel(law="coherent")
        for name, true in (("eps_max", 0.3), ("B_noise", 50 * np.pi), ("form", COHERENCE)):
            assert row[name] == pytest.approx(true, rel=1e-4)
            assert row[f"{name}_low"] < true < row[f"{name}_high"]
        exact = np.asarray(RIVALS["coherent"].law.jax(row.batch_fine.values, 0.3, 50 * np.pi, 10.0))
        np.testing.assert_allclose(row.lr_star_fine, exact, rtol=1e-4)
        assert row.worst < 1e-4
        assert row.left_out < 1e-3
        assert row.dof == 6
        assert row.delta_aicc == 0

    def test_the_dataset_has_the_measured_points_and_units(self, surging):
        data = quadratic("coherent", COHERENCE)
        np.testing.assert_array_equal(surging.lr_star_mean[0], data.lr_star_mean[0, 0])
        assert surging.curve.values.tolist() == ["onestep_quadratic/sign/rank_one"]
        assert surging.band.values.tolist() == [EXACT]
        assert surging.B_noise.attrs["units"] == "samples"
        assert all("units" in surging[name].attrs for name in ("eps_max_low", "chi2", "left_out"))

    def test_batch_sizes_without_an_optimum_are_left_out_and_counted(self, networks):
        assert networks.excluded.values.tolist() == [1, 0]
        assert np.isnan(networks.lr_star_mean[0, 3])
        assert np.isnan(networks.lr_star_fit[0, :, 3]).all()
        assert np.isfinite(networks.lr_star_fit[1]).all()
        assert networks.band.values.tolist() == [BAND[NETWORK]] * 2
        assert networks.loss.values.tolist() == [2.4, 0.29]

    def test_a_curve_without_any_optimum_is_none(self):
        data = network()
        assert not list(curves(NETWORK, data.assign(lr_star_mean=data.lr_star_mean * np.nan)))


class TestExperiment:
    spec = Spec(laws=("constant", "linear"), fine=5)

    def test_every_curve_is_fitted_once_and_recalled(self, tmp_path, monkeypatch):
        store = Store(tmp_path)
        store.save(QUADRATIC, quadratic("half"))
        store.save(NETWORK, network().isel(checkpoint=[1]))
        first = rivals.run(self.spec, store, None)
        assert first.sizes["curve"] == len(list((tmp_path / "cells").iterdir())) == 2
        with monkeypatch.context() as patched:
            patched.setattr(rivals, "fitted", str)
            assert rivals.run(self.spec, store, None).identical(first)
        store.save(QUADRATIC, quadratic("half", relative=2e-3))  # measured anew: fitted anew
        again = rivals.run(self.spec, store, None)
        assert len(list((tmp_path / "cells").iterdir())) == 3
        assert not again.isel(curve=0).identical(first.isel(curve=0))
        assert again.isel(curve=1).identical(first.isel(curve=1))

    @pytest.mark.parametrize("name", ["target", "denominator_draws", "lr_star_sem"])
    def test_data_of_an_earlier_version_are_one_clear_line(self, name, tmp_path):
        store = Store(tmp_path)
        store.save(NETWORK, network().drop_vars(name))
        with pytest.raises(InputError, match="onestep_network lack .* anew: python -m experiments"):
            rivals.run(Spec(experiments=(NETWORK,), laws=("linear",)), store, None)

    def test_what_is_there_is_used_and_nothing_is_an_error(self, tmp_path, capsys):
        store = Store(tmp_path)
        with pytest.raises(InputError, match="first: python -m experiments run onestep_quadratic"):
            rivals.run(self.spec, store, None)
        store.save(NETWORK, network().isel(checkpoint=[1]))
        found = rivals.run(self.spec, store, None)
        assert set(found.experiment.values.tolist()) == {NETWORK}
        assert "onestep_quadratic is left out: it has not been run" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"laws": ()}, "name each law once, and at least one"),
            ({"laws": ("half", "half")}, "name each law once"),
            ({"laws": ("cube",)}, "unknown law 'cube'; known: constant, "),
            ({"experiments": ("law_errors",)}, "unknown experiment 'law_errors'; known: onestep_"),
            ({"fine": 1}, "fine must be at least 2, not 1"),
        ],
        ids=["none", "twice", "unknown", "experiment", "fine"],
    )
    def test_settings_are_checked(self, wrong, words):
        with pytest.raises(InputError, match=words):
            rivals.validate(Spec(**wrong))


class TestClaims:
    def test_every_rival_is_judged_on_every_problem(self):
        for rule, problem in DESCRIBING:
            for name in RIVALS:
                assert f"onestep_quadratic/rival/{rule}/{problem}/{name}" in CLAIMS

    @pytest.mark.parametrize(("name", "form"), [("half", ()), ("alpha", (0.7,)), ("linear", ())])
    def test_a_rival_describes_its_own_curve(self, name, form):
        assert verdict(f"sign/rank_one/{name}", fits(quadratic(name, *form), name)) == HOLDS

    def test_what_cannot_fall_does_not_describe_a_surge(self, surging):
        for name in ("linear", "root", "power", "saturating"):
            assert verdict(f"sign/rank_one/{name}", surging) == FAILS
        assert verdict("sign/rank_one/coherent", surging) == HOLDS

    def test_coarse_measurements_decide_nothing(self):
        data = fits(quadratic("half", relative=0.02), "half")
        assert verdict("sign/rank_one/half", data) == INCONCLUSIVE

    def test_a_missing_curve_or_law_or_too_few_points_are_not_judged(self, surging):
        few = fits(quadratic("half").isel(batch=[0, 2, 4, 8]), "half", "coherent", "mean_field")
        assert verdict("sign/power_law/coherent", surging) == NOT_RUN
        assert verdict("sign/rank_one/half", surging) == NOT_RUN
        assert verdict("sign/rank_one/half", few) == NOT_RUN
        assert verdict("parameters", few) == NOT_RUN

    def test_the_parameters_found_are_those_of_the_problem_or_the_claim_fails(self, surging):
        row = judged(CLAIMS["onestep_quadratic/rival/parameters"], surging, 0.0)
        assert row["verdict"] == HOLDS
        assert row["controls"] == [{"name": "mean field", "rejected": True}]
        other = surging.assign(form_law=1.05 * surging.form_law)
        assert verdict("parameters", other) == FAILS

    def test_a_network_is_judged_at_the_checkpoint_of_its_target(self, networks):
        prefix = "onestep_network/rival/digits_mlp"
        for id, expected in {
            "0.3/alpha": HOLDS, "0.3/linear": FAILS, "init/linear": FAILS, "1/alpha": NOT_RUN,
        }.items():  # fmt: skip
            assert judged(CLAIMS[f"{prefix}/{id}"], networks, 0.0)["verdict"] == expected
