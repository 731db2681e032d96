"""`python -m figures`: what it writes, what it says, and with which code it ends."""

import json

import pytest
from test_figures_draw import made_up, network, quadratic

from experiments.store import Store
from figures import __main__ as command
from figures.catalogue import FIGURES


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Four figures stand for all, but in the test that draws everything."""
    kept = {name: FIGURES[name] for name in ("surge", "sgd", "network", "network_ratio")}
    monkeypatch.setattr(command, "FIGURES", kept)


@pytest.fixture
def out(tmp_path):
    store = Store(tmp_path / "out")
    store.save("onestep_quadratic", made_up("onestep_quadratic"))
    return store.folder


def test_without_names_everything_and_the_report_is_written(out, monkeypatch, capsys):
    monkeypatch.setattr(command, "FIGURES", FIGURES)
    for experiment in {entry.experiment for entry in FIGURES.values()} - {"onestep_network"}:
        Store(out).save(experiment, made_up(experiment))
    Store(out).save("onestep_network", network(("digits_mlp",)))
    claim = {"id": "my-claim", "experiment": "onestep_network", "kind": "mean"}
    claim |= {"verdict": "holds", "expected": "holds"}
    (out / "claims.json").write_text(json.dumps([claim]))
    assert command.main(["--out", str(out)]) == 0
    for name in FIGURES:
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (out / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    text = (out / "report.html").read_text("utf-8")
    assert 50_000 < len(text) < 8_000_000
    assert "my-claim" in text
    assert (out / "derivations.tex").read_text("ascii").startswith(r"\documentclass")
    assert capsys.readouterr() == ("", "")


def test_an_absent_dataset_is_one_line_each_and_no_failure(out, capsys):
    assert command.main(["--out", str(out)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == sum(
        entry.experiment == "onestep_network" for entry in command.FIGURES.values()
    )
    assert all("python -m experiments run onestep_network" in line for line in lines)
    assert (out / "report.html").exists()
    assert not (out / "figures" / "network.png").exists()


def test_a_name_draws_that_figure_only(out):
    assert command.main(["surge", "--out", str(out)]) == 0
    assert {path.name for path in (out / "figures").iterdir()} == {"surge.pdf", "surge.png"}
    assert not (out / "report.html").exists()
    assert not (out / "derivations.tex").exists()


def test_an_older_dataset_is_passed_over(tmp_path, capsys):
    out = tmp_path / "out"
    Store(out).save("onestep_quadratic", quadratic(("rank_one",)).drop_vars("lr_star_fine"))
    assert command.main(["--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert "figure surge: the data lack lr_star_fine" in said
    assert "Traceback" not in said


def fails(arguments, capsys) -> str:
    assert command.main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("error: ")
    assert sum(line.startswith("error: ") for line in said) == 1
    return said[-1]


def test_an_unknown_name_is_refused_before_anything_is_written(out, capsys):
    assert "unknown figure 'surgery'" in fails(["surge", "surgery", "--out", str(out)], capsys)
    assert not (out / "figures").exists()


def test_a_named_figure_without_data_is_an_error(tmp_path, capsys):
    fails(["surge", "--out", str(tmp_path / "nowhere")], capsys)
    assert not (tmp_path / "nowhere").exists()


def test_an_output_that_cannot_be_written_is_an_error(out, tmp_path, capsys):
    (out / "figures").write_text("in the way")
    assert "cannot write" in fails(["surge", "--out", str(out)], capsys)
    file = tmp_path / "file"
    file.write_text("not a folder")
    fails(["--out", str(file)], capsys)


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[1]", '[{"id": "x"}]'])
def test_claims_that_cannot_be_read_are_an_error(out, capsys, content):
    (out / "claims.json").write_text(content)
    assert "claims.json" in fails(["--out", str(out)], capsys)


def test_an_interrupt_ends_with_130(out, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run", interrupted)
    assert command.main(["--out", str(out)]) == 130
