"""The claims on derivations hold only if every step was checked and does."""

import numpy as np
import xarray as xr
from test_experiments_claims import CLAIMS

from experiments.claims import judged
from experiments.claims_theory import establishing
from experiments.judge import FAILS, HOLDS


class TestTheory:
    def checks(self, ok: bool, law: str = "sign_lr") -> xr.Dataset:
        names = [name for name in establishing(law) for _ in range(2)]
        steps = ["1", "without gaussian"] * (len(names) // 2)
        values = [True] * (len(names) - 1) + [ok]
        columns = {"derivation": names, "step": steps, "ok": np.array(values)}
        return xr.Dataset({key: ("check", column) for key, column in columns.items()})

    def test_holds_when_every_step_does(self):
        row = judged(CLAIMS["theory/sign_lr"], self.checks(True), 0.0)
        assert row["verdict"] == HOLDS
        assert row["controls"] == [{"name": "without gaussian", "rejected": True}]

    def test_fails_when_one_step_does(self):
        row = judged(CLAIMS["theory/sign_lr"], self.checks(False), 0.0)
        assert row["verdict"] == FAILS
        assert row["statistic"] == 1.0

    def test_fails_when_nothing_was_checked(self):
        none = self.checks(True).isel(check=slice(0, 0))
        assert judged(CLAIMS["theory/sign_lr"], none, 0.0)["verdict"] == FAILS
