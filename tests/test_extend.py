"""The worked example of theory/README.md: a new rule is one file and one function, and appears by
itself in laws, derivations, claims, measurements and figures; a wrong formula in it is caught."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES = 39
PROBLEMS = ("diagonal_shaped", "dense_independent")
RUN = [
    *("run", "onestep_rules", "--cases", "clip", "--problems", *PROBLEMS),
    *("--batches", "1", "100", "10000", "--out", "out"),
]
RIGHT, WRONG = "(mu**2 + S**2) * INSIDE", "(mu**2 + 2 * S**2) * INSIDE"


def example() -> tuple[str, str]:
    """The file of the theory and the function of the simulation, from the README."""
    text = (ROOT / "theory" / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    return tuple(block for block in blocks if "clip" in block)  # type: ignore[return-value]


def module(copy: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m name …` in the copy, which has no data folder beside it."""
    environment = {name: value for name, value in os.environ.items() if name != "SURGE_DATA"}
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=copy, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def verdicts(copy: Path) -> dict[str, str]:
    rows = json.loads((copy / "out" / "claims.json").read_text("utf-8"))
    return {row["id"]: row["verdict"] for row in rows}


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The repository with the example applied."""
    there = tmp_path_factory.mktemp("extended") / "repo"
    left_out = shutil.ignore_patterns(".*", "out", "__pycache__", "results", "tests")
    shutil.copytree(ROOT, there, ignore=left_out)
    law, update = example()
    (there / "theory" / "rules" / "clip.py").write_text(law, "utf-8")
    rules = there / "sim" / "rules.py"
    head, table, tail = rules.read_text("utf-8").partition("RULES: Mapping")
    named = tail.replace("sgd, ", "clip, sgd, ", 1)
    rules.write_text(f"{head}{update}\n\n{table}{named}", "utf-8")
    return there


def test_the_example_is_short():
    assert sum(len(block.splitlines()) for block in example()) <= MOST_LINES


def test_a_new_rule_appears_everywhere_and_a_wrong_one_is_caught(copy):
    checked = module(copy, "theory", "clip")
    assert checked.returncode == 0, checked.stderr
    assert "Clipped SGD" in checked.stdout

    ran = module(copy, "experiments", *RUN)
    assert ran.returncode == 0, ran.stderr
    found = verdicts(copy)
    assert {"theory/clip_mean", "theory/clip_square"} <= set(found)
    for problem in PROBLEMS:
        assert found[f"onestep_rules/law/clip/{problem}"] == "holds"
    assert not any(
        "clip" in name and name.startswith("onestep_rules/independent") for name in found
    )
    listed = json.loads(module(copy, "experiments", "claims", "--json").stdout)
    assert [row["id"] for row in listed] == list(found)

    drawn = module(copy, "figures", "rules")
    assert drawn.returncode == 0, drawn.stderr
    assert (copy / "out" / "figures" / "rules.png").stat().st_size > 10_000

    law = copy / "theory" / "rules" / "clip.py"
    text = law.read_text("utf-8")
    assert text.count(RIGHT) == 1
    law.write_text(text.replace(RIGHT, WRONG), "utf-8")
    assert module(copy, "theory", "clip").returncode == 1
    again = module(copy, "experiments", *RUN)
    assert again.returncode == 1
    assert "unexpected: onestep_rules/law/clip/dense_independent fails" in again.stderr
