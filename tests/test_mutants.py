"""The script that breaks formulas: it finds places, changes one node, and tells who noticed."""

import ast
import json
import shutil
import sys
from pathlib import Path

import pytest
from mutants import QUICK, ROOT, Mutant, Outcome, drawn, main, recalled, tried
from mutation_sites import SILENT, changed, sites

SOURCE = '''"""A module with 2 + 2 in its text."""

NODES = 40
BOUND = -np.log(3.0)


def law(mu: Array, order: int = 7) -> Array:
    """Twice: 2*x."""
    if order < 3:
        raise ValueError(f"order is {order + 1}")
    grid = jnp.linspace(0, 1, NODES)
    first = -mu**2 * sp.sqrt(B + 3) / sp.erf(x)
    second = H_[i, j] + LAW(mu, sigma) + f(x, axis=0)[1]
    return jnp.where(first > second, first, 1.0)
'''


def found(source):
    return [(site.kind, source.encode()[site.start : site.end].decode(), site.new) for site in
            sites(source)]  # fmt: skip


def test_the_sites_are_the_parts_of_formulas():
    assert sorted(found(SOURCE)) == sorted([
        ("sign", "-mu**2", "mu**2"),
        ("sign", "*", "/"),
        ("sign", "/", "*"),
        ("sign", "+", "-"),
        ("sign", "+", "-"),
        ("sign", "+", "-"),
        ("factor", "2", "3"),
        ("factor", "3", "4"),
        ("root", "sp.sqrt(B + 3)", "(B + 3)"),
        ("function", "sp.erf", "sp.erfc"),
        ("index", "i", "j"),
        ("index", "j", "i"),
        ("arguments", "mu, sigma", "sigma, mu"),
        ("order", "first > second", "first < second"),
    ])  # fmt: skip


def nodes(tree):
    return sum(1 for _ in ast.walk(tree))


def test_every_mutant_of_the_theory_parses_and_differs_in_one_place():
    total = 0
    for path in sorted((ROOT / "theory").rglob("*.py")):
        if path.stem in SILENT:
            continue
        source = path.read_text()
        before = ast.dump(ast.parse(source))
        for site in sites(source)[::10]:
            after = changed(source, site)
            assert ast.dump(ast.parse(after)) != before, (path, site)
            data, end = source.encode(), len(source.encode()) - site.end
            assert after.encode()[: site.start] == data[: site.start]
            assert after.encode()[-end:] == data[-end:]
            total += 1
    assert total > 100


def test_texts_and_annotations_are_no_sites():
    assert not sites('x: Literal[1] = f"{2 + 3}"\n"""1 + 1"""\n')
    assert not sites("def f(n: int = 3):\n    raise ValueError(n + 1)\n")


def test_the_draw_is_the_same_for_a_seed_and_even_over_files():
    first, second, other = drawn(ROOT, 60, 1), drawn(ROOT, 60, 1), drawn(ROOT, 60, 2)
    assert [one.id for one in first] == [one.id for one in second]
    assert {one.id for one in first} != {one.id for one in other}
    files = len({one.path for one in drawn(ROOT, 10_000, 1)})
    assert len({one.path for one in first}) == min(60, files)
    assert len({one.id for one in first}) == 60


@pytest.fixture
def project(tmp_path):
    """A theory of one formula, and the first mutants of it."""
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "area.py").write_text(
        "def area(a, b):\n    return a * b + 0 * (a - b)\n"
    )
    return tmp_path


def outcome(project, mutant, claim="area(2, 3) == 6", limit=20.0):
    code = f"from theory.area import area\nassert {claim}"
    checks = [[sys.executable, "-c", code]]
    before = (project / mutant.path).read_text()
    found = tried(project, mutant, checks, limit)
    assert (project / mutant.path).read_text() == before
    return found


def test_who_notices_is_told_and_who_does_not_survives(project):
    mutants = {one.difference().partition(" → ")[2]: one for one in drawn(project, 99, 0)}
    caught = outcome(project, mutants["return a / b + 0 * (a - b)"])
    assert (caught.caught, caught.line, caught.kind) == (True, 2, "sign")
    assert "AssertionError" in caught.by
    survivor = outcome(project, mutants["return a * b + 0 * (a + b)"])
    assert (survivor.caught, survivor.by) == (False, "")
    assert survivor.difference == "return a * b + 0 * (a - b) → return a * b + 0 * (a + b)"


def test_a_change_without_effect_survives(project):
    path = project / "theory" / "area.py"
    source = path.read_text()
    site = sites(source)[0]
    nothing = site._replace(new=source.encode()[site.start : site.end].decode())
    assert changed(source, nothing) == source
    assert not outcome(project, Mutant("theory/area.py", nothing, source, source)).caught


def test_a_check_that_does_not_end_is_stopped_and_counts_as_not_caught(project):
    mutant = drawn(project, 1, 0)[0]
    endless = tried(project, mutant, [[sys.executable, "-c", "while True: pass"]], 1.0)
    assert (endless.caught, endless.by) == (False, "time")


def test_a_wrong_law_is_caught_by_its_derivation(tmp_path):
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "theory", tmp_path / "theory", ignore=left_out)
    (tmp_path / "baseline.json").write_text(json.dumps({}))
    source = (tmp_path / "theory" / "descent.py").read_text()
    wrong = source.replace("N / D", "N * D", 1)
    assert wrong != source
    mutant = Mutant("theory/descent.py", sites(source)[0], source, wrong)
    found = tried(tmp_path, mutant, [[sys.executable, str(QUICK), "baseline.json"]], 60.0)
    assert found.caught
    assert found.by.startswith("failed: lemma1, ")


def test_outcomes_are_kept_and_only_survivors_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr("mutants._copy", lambda _, folder: folder)
    monkeypatch.setattr("mutants.unsound", lambda _: "")
    calls: list[str] = []

    def made_up(_, mutant, __, ___):
        calls.append(mutant.id)
        site, good = mutant.site, len(calls) % 2 == 0
        return Outcome(mutant.id, mutant.path, site.line, site.kind, "", good, "", 0.0)

    monkeypatch.setattr("mutants.tried", made_up)
    arguments = ["--count", "3", "--jobs", "1", "--out", str(tmp_path / "new" / "mutants.json")]
    main(arguments)
    kept = recalled(tmp_path / "new" / "mutants.json")
    assert len(kept) == 3
    known = len(calls)
    assert main(arguments) in (0, 1)
    survivors = sum(not one.caught for one in kept.values())
    assert len(calls) - known >= survivors
    assert recalled(Path("nowhere")) == {}


def test_nothing_is_tried_where_a_check_fails_without_a_change(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("mutants.unsound", lambda _: "FAILED tests/test_x.py")
    assert main(["--out", str(tmp_path / "mutants.json")]) == 2
    assert capsys.readouterr().err == "error: without any change, FAILED tests/test_x.py\n"
    assert not list(tmp_path.iterdir())
