"""The README says what is so: its table is the record's, its example runs, its commands exist."""

import json
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.__main__ import COMMANDS
from experiments.claims import all_claims, unexpected
from experiments.readme import GROUPS, RECORD, with_table

README = Path("README.md")


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)


def test_the_claim_table_is_made_from_the_record():
    text = README.read_text()
    assert with_table(text, json.loads(RECORD.read_text())) == text


def test_the_record_holds_every_claim_and_only_expected_verdicts():
    rows = json.loads(RECORD.read_text())
    assert [row["id"] for row in rows] == [claim.id for claim in all_claims()]
    assert unexpected(rows) == []


def test_every_claim_is_in_exactly_one_line_of_the_table():
    for claim in all_claims():
        assert sum(claim.id.startswith(f"{group}/") for group in GROUPS) == 1, claim.id


def test_the_example_runs_and_law_and_simulation_agree():
    section = README.read_text().partition("## Use it\n")[2].partition("\n## ")[0]
    code = re.findall(r"```python\n(.*?)```", section, re.S)
    assert len(code) == 1
    names: dict = {}
    with jax.enable_x64(True):
        exec(code[0], names)
        law = names["optimal_lr"](
            "sign", mu=names["mu"], sigma=names["sigma"], hessian=names["hessian"], batch=16
        )
        measured = names["measure_one_step"](
            "sign", names["problem"], batch=16, samples=100_000, key=jax.random.key(0)
        ).lr_star
    assert abs(measured.mean - law) < 5 * measured.sem
    assert np.isfinite(law)


def test_the_commands_of_the_readme_exist():
    text = README.read_text()
    targets = Path("Makefile").read_text()
    for target in re.findall(r"^make (\w+)", text, re.M):
        assert f"\n{target}:" in targets
    for command in re.findall(r"python -m experiments (\w+)", text):
        assert command in COMMANDS
    for file in re.findall(r"`((?:theory|sim|experiments|figures)/[\w/.]+)`", text):
        assert Path(file).exists()
