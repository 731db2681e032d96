"""Advice from a user's own runs: what they decide, what they cannot, and what is refused."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest

from experiments.__main__ import main
from experiments.advise_evidence import chance_of
from experiments.advise_table import from_run
from experiments.errors import InputError

LAWS = {
    "saturating": lambda batch: 3e-3 / (1 + 300 / batch),
    "root": lambda batch: 1e-4 * batch**0.5,
    "constant": lambda batch: 1e-3 + 0 * batch,
}
BATCHES = 2.0 ** np.arange(4, 13)
BEST, CURVATURE, NOISE = 256.0, 0.02, 3e-4


def table(law: str = "saturating", *, batches=BATCHES, rungs=4, noise=NOISE) -> pd.DataFrame:
    """Runs around the law's rate on a ladder of √2, with a best batch at BEST."""
    rng, rows = np.random.default_rng(3), []
    for batch in batches:
        star = np.log(LAWS[law](batch))
        centre = np.round(2 * star / np.log(2))
        for rung in np.arange(-rungs, rungs + 1):
            log = (centre + rung) * np.log(2) / 2
            excess = CURVATURE * (log - star) ** 2 / 2 + 0.005 * np.log(batch / BEST) ** 2
            rows.append((batch, np.exp(log), 3 * np.exp(excess + noise * rng.standard_normal())))
    return pd.DataFrame(rows, columns=["batch", "lr", "loss"])


@pytest.fixture
def saved(tmp_path):
    """Writes a table, or text, or bytes; gives its path."""

    def save(content, name="runs.csv"):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content.to_csv(path, index=False)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return save


class TestWhatATableTells:
    @pytest.mark.parametrize("law", ["saturating", "root"])
    def test_the_law_behind_it_survives_and_wrong_ones_do_not(self, law, saved):
        found = from_run(saved(table(law)))
        assert law in found.survivors
        assert {"constant", "linear"} <= set(found.excluded)
        assert ({"root", "half"} if law == "saturating" else {"saturating"}) <= set(found.excluded)
        assert found.verdict == "undecided"  # an exponent that is free includes both

    @pytest.mark.parametrize("law", LAWS)
    def test_the_rate_and_the_batch_are_found(self, law, saved):
        found = from_run(saved(table(law))).advice
        assert found.batch_tokens.low < BEST < found.batch_tokens.high
        true = LAWS[law](found.batch_tokens.value)
        assert found.lr.value == pytest.approx(true, rel=0.05)
        assert found.lr.low < true < found.lr.high

    def test_a_few_noisy_runs_cannot_tell_the_laws_apart(self, saved):
        clear = from_run(saved(table()))
        noisy = from_run(saved(table(batches=BATCHES[3:7], noise=3e-3, rungs=5), "noisy.csv"))
        assert len(noisy.survivors) > len(clear.survivors)

    def test_the_next_run_is_where_the_laws_that_are_left_disagree(self, saved):
        found = from_run(saved(table("root")))
        after = found.next_run
        assert after is not None
        assert after.low <= after.lr <= after.high
        assert after.nats > 0
        assert after.batch > BATCHES[-1] or after.batch < BATCHES[0]

    def test_neither_the_order_of_rows_nor_of_columns_matters(self, saved):
        runs = table()
        mixed = runs.sample(frac=1, random_state=1)[["loss", "batch", "lr"]]
        assert from_run(saved(runs)).as_dict() == from_run(saved(mixed, "m.csv")).as_dict()

    def test_another_unit_of_the_batch_changes_nothing_else(self, saved):
        runs, tokens = table(), table()
        tokens["batch"] *= 2048
        one, other = (from_run(saved(t, f"{k}.csv")) for k, t in enumerate((runs, tokens)))
        assert other.advice.lr.value == pytest.approx(one.advice.lr.value, rel=1e-3)
        assert other.advice.batch_tokens.value == pytest.approx(
            2048 * one.advice.batch_tokens.value, rel=1e-6
        )
        assert set(other.survivors) == set(one.survivors)

    def test_a_batch_may_be_given_and_an_advised_one_rounded(self, saved):
        path = saved(table())
        given = from_run(path, batch=1024).advice
        assert given.batch_tokens == (1024, 1024, 1024)
        assert given.lr.value == pytest.approx(LAWS["saturating"](1024), rel=0.05)
        assert from_run(path, multiple=100).advice.batch_tokens.value % 100 == 0

    def test_a_best_batch_at_the_end_is_said(self, saved):
        found = from_run(saved(table(batches=BATCHES[:5]))).advice
        assert any("largest of the table" in flag for flag in found.flags)

    def test_column_names_of_other_tools_are_understood(self, saved):
        names = {"batch": "Batch_Size", "lr": "learning_rate", "loss": "val_loss"}
        found = from_run(saved(table().rename(columns=names)))
        assert found.as_dict() == from_run(saved(table(), "own.csv")).as_dict()

    def test_of_several_models_one_is_chosen(self, saved):
        small, large = table(), table("root")
        small["params"], large["params"] = 1e8, 1e9
        path = saved(pd.concat([small, large]))
        with pytest.raises(InputError, match="say which with --params"):
            from_run(path)
        assert "root" in from_run(path, params=1e9).survivors
        with pytest.raises(InputError, match="no run with params"):
            from_run(path, params=5e9)


class TestWhatItDoesNotTell:
    def test_a_shuffled_table_gives_no_advice(self, saved):
        runs, rng = table(), np.random.default_rng(0)
        runs["loss"] = rng.permutation(runs["loss"].to_numpy())
        found = from_run(saved(runs))
        assert found.verdict == "inconclusive"
        assert "no optimum" in found.advice.flags[0]
        assert found.as_dict()["lr"]["value"] is None

    def test_chance_is_uniform_where_losses_have_nothing_to_do_with_rates(self):
        rng = np.random.default_rng(0)
        runs = pd.DataFrame(product((1.0, 2.0), 2.0 ** np.arange(6)), columns=["batch", "lr"])
        chances = [chance_of(runs.assign(loss=rng.permutation(12) + 1.0)) for _ in range(60)]
        assert 0.3 < np.mean(chances) < 0.7
        assert np.mean(np.array(chances) < 0.05) < 0.2
        assert chance_of(table()) < 0.01

    def test_where_every_optimum_lies_beyond_the_rates_there_is_none(self, saved):
        runs = table(rungs=6)
        above = runs[runs["lr"] > 1.5 * LAWS["saturating"](runs["batch"])]
        found = from_run(saved(above))
        assert found.verdict == "inconclusive"
        assert found.as_dict()["lr"]["value"] is None
        assert "optimum" in found.advice.flags[0]


REFUSED = (
    ("", "is empty"),
    ("batch,lr,loss\n", "has a header and no runs"),
    ("batch,loss\n1,2\n", "no column 'lr'"),
    ("batch,lr,loss\n1,0.1,nan\n2,0.1,3\n", "loss in row 1 is no finite number above 0"),
    ("batch,lr,loss\n1,0.1,2\n2,,3\n", "lr in row 2 is no finite number"),
    ("batch,lr,loss\n-1,0.1,2\n2,0.1,3\n", "batch in row 1"),
    ("batch,lr,loss\n1,0.1,inf\n2,0.1,3\n", "loss in row 1"),
    ("batch,lr,loss\n1,high,2\n2,0.1,3\n", "lr in row 1"),
    ("batch,lr,loss\n8,0.1,2\n8,0.2,3\n8,0.4,3.5\n", "one batch size only"),
    ("batch,lr,loss\n8,0.1,2\n8,0.2,2\n4,0.1,2\n", "every run has the same loss"),
    ("batch,lr,loss\n8,0.1,2\n8,0.2,3\n4,0.1,4\n4,0.2,5\n", "have 3 learning rates"),
    (b"\x89HDF\r\n\x1a\n\xff\xfe", "as CSV"),
    ('a,b\n"1,2\n3', "CSV"),
)


class TestRefused:
    @pytest.mark.parametrize(("content", "words"), REFUSED)
    def test_a_table_that_cannot_be_used_is_one_line(self, content, words, saved, capsys):
        path = saved(content)
        assert main(["advise", "--from-run", str(path)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        (line,) = said.err.splitlines()
        assert line.startswith("error: ")
        assert words in line

    def test_a_missing_file_and_a_folder(self, tmp_path):
        with pytest.raises(InputError, match="is missing"):
            from_run(tmp_path / "none.csv")
        with pytest.raises(InputError, match="as CSV"):
            from_run(tmp_path)

    @pytest.mark.parametrize("batch", [0.0, -1.0, float("nan")])
    def test_a_batch_that_cannot_be(self, batch, saved):
        with pytest.raises(InputError, match="batch-tokens must be finite"):
            from_run(saved(table()), batch=batch)


class TestCommand:
    def test_json_is_one_document_with_the_same_keys_and_more(self, saved, capsys):
        assert main(["advise", "--from-run", str(saved(table())), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert {"lr", "batch_tokens", "box", "regret_percent", "flags", "rule", "rivals"} < set(
            found
        )
        assert {"verdict", "survivors", "excluded", "next_run", "optima"} < set(found)

    def test_for_people_it_says_what_is_excluded(self, saved, capsys):
        assert main(["advise", "--from-run", str(saved(table()))]) == 0
        said = capsys.readouterr().out
        assert "excluded: constant" in said
        assert "not told apart" in said
