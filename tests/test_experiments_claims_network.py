"""Claims on networks: they hold for made-up data of the expected kind, and fail for others."""

import numpy as np
import pytest
import xarray as xr
from test_experiments_claims import CLAIMS

from experiments.claim import Claim
from experiments.claims import judged
from experiments.judge import FAILS, HOLDS, INCONCLUSIVE, NOT_RUN
from experiments.quadratic_laws import QUANTITIES


def network() -> xr.Dataset:
    """A made-up network that the Gaussian law describes and the independent one does not."""
    batch, targets = np.array([1, 4, 16, 64, 256, 1024]), [np.inf, 1.0, 0.3, 0.02]
    dims, shape = ("network", "checkpoint", "batch"), (1, 4, 6)
    lr = np.broadcast_to(1e-3 * np.sqrt(batch / (1 + batch / 100)), shape)
    declining = 30 * lr * np.linspace(1, 0.1, 6)
    columns = {"lr_independent": declining, "factor_independent": declining / lr}
    columns |= {"lr_gaussian": lr, "lr_gaussian_sem": 0.01 * lr, "factor_gaussian": 1 + 0 * lr}
    for quantity in QUANTITIES:
        columns |= {f"{quantity}_mean": lr, f"{quantity}_sem": 0.01 * lr}
    columns["denominator_draws"] = np.full(shape, 100)
    data: dict = {name: (dims, values) for name, values in columns.items()}
    for end, factor in (("", 1.0), ("_low", 0.95), ("_high", 1.05)):
        data[f"lr_line{end}"] = ((*dims[:2], "line_batch"), factor * lr[..., [1, 3]])
    data["target"] = ("checkpoint", targets)
    coords = {"network": ["digits_mlp"], "checkpoint": range(4), "batch": batch}
    return xr.Dataset(data, coords={**coords, "line_batch": [4, 64]})


def of_network(id: str) -> Claim:
    return CLAIMS[f"onestep_network/{id}"]


class TestNetworks:
    kinds = pytest.mark.parametrize(
        ("kind", "expected"),
        [("independent", FAILS), ("gaussian", HOLDS), ("gaussian_64", HOLDS),
         ("no_surge", HOLDS), ("line_search", HOLDS), ("precision", HOLDS)],
    )  # fmt: skip

    @kinds
    def test_a_network_that_the_gaussian_law_describes(self, kind, expected):
        row = judged(of_network(f"{kind}/digits_mlp/1"), network(), 0.0)
        assert row["verdict"] == expected
        assert all(control["rejected"] for control in row["controls"])

    @kinds
    def test_a_checkpoint_is_found_by_its_target_loss(self, kind, expected):
        part = network().isel(checkpoint=[0, 2])
        part = part.assign_coords(checkpoint=[0, 1])
        for label, ran in {"init": True, "1": False, "0.3": True, "0.02": False}.items():
            row = judged(of_network(f"{kind}/digits_mlp/{label}"), part, 0.0)
            assert row["verdict"] == (expected if ran else NOT_RUN)

    @kinds
    def test_without_a_batch_size_to_judge_a_claim_is_not_run(self, kind, expected):
        del expected
        data = network()
        nowhere = data.assign(lr_star_mean=data.lr_star_mean * np.nan)
        for part in (nowhere, data.isel(network=[])):
            row = judged(of_network(f"{kind}/digits_mlp/init"), part, 0.0)
            assert row["verdict"] == NOT_RUN

    def test_small_batches_alone_say_nothing_of_large_ones(self):
        data = network().sel(batch=[1, 4], line_batch=[4])
        assert judged(of_network("gaussian/digits_mlp/1"), data, 0.0)["verdict"] == NOT_RUN
        assert judged(of_network("line_search/digits_mlp/1"), data, 0.0)["verdict"] == HOLDS

    def test_wrong_laws_declines_and_coarse_measurements_fail(self):
        data = network()
        last = xr.DataArray([1, 1, 1, 1, 1, 0.5], dims="batch")
        for kind, spoilt in {
            "gaussian": data.assign(factor_gaussian=data.factor_gaussian * 1.5),
            "no_surge": data.assign(lr_star_mean=data.lr_star_mean * last),
            "line_search": data.assign(
                {f"lr_line{end}": 0.5 * data[f"lr_line{end}"] for end in ("", "_low", "_high")}
            ),
            "precision": data.assign(numerator_sem=data.numerator_sem * 10),
        }.items():
            row = judged(of_network(f"{kind}/digits_mlp/1"), spoilt, 0.0)
            assert row["verdict"] == FAILS, kind

    def test_a_line_search_that_found_no_optimum_decides_nothing(self):
        data = network()
        lost = data.assign(lr_line=data.lr_line * np.nan)
        row = judged(of_network("line_search/digits_mlp/1"), lost, 0.0)
        assert row["verdict"] == INCONCLUSIVE
