"""`python -m experiments`: what it accepts, what it says, and with which code it ends."""

import dataclasses
import json

import jax
import pytest
import xarray as xr

import theory
from experiments import onestep_network, onestep_quadratic, spec
from experiments.__main__ import COMMANDS, main
from experiments.claims import all_claims
from experiments.errors import InputError
from experiments.judge import NOT_RUN
from experiments.store import Store
from sim import data

QUADRATIC, NETWORK = "onestep_quadratic", "onestep_network"
OUT_OF_RANGE = (
    ("--batches 0 4", "at least 1: [0, 4]"),
    ("--batches -4 4", "at least 1: [-4, 4]"),
    ("--batches 4 2", "must increase: [4, 2]"),
    ("--batches 4 4", "must increase"),
    ("--batches 1 99999999999999999999", "at most"),
    ("--batches", "the batch grid is empty"),
    ("--resolution nan", "resolution must be finite and above 0, not nan"),
    ("--resolution inf", "resolution must be finite"),
    ("--resolution -1", "above 0, not -1"),
    ("--resolution 0", "above 0"),
    ("--resolution 1e-200", "resolution must be at least 1e-09"),
    ("--limit 1", "limit must be at least 2"),
    ("--seed -1", "seed must be from 0"),
    ("--seed 99999999999999999999", "seed must be from 0"),
)


def settings(name: str) -> set[str]:
    """The names of an experiment's settings."""
    return {field.name for field in dataclasses.fields(spec.experiment(name).presets["smoke"])}


@pytest.fixture(autouse=True)
def _no_data(monkeypatch, tmp_path):
    monkeypatch.delenv("SURGE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def refused(tmp_path, capsys):
    """Runs a command that must be refused with one line, and gives the line."""

    def run(*arguments, out=tmp_path / "out"):
        before = sorted(tmp_path.rglob("*"))
        assert main([*arguments, "--out", str(out)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        (line,) = said.err.splitlines()
        assert line.startswith("error: ")
        assert sorted(tmp_path.rglob("*")) == before
        return line

    return run


def all_checks_good():
    """What `theory.verify` finds when everything is right, one check per derivation."""
    names = [derivation.name for derivation in theory.derivations()]
    columns = {"derivation": names, "step": ["end"] * len(names), "ok": [True] * len(names)}
    return xr.Dataset({name: ("check", values) for name, values in columns.items()})


class TestListing:
    def test_list_names_every_experiment(self, capsys):
        assert main(["list"]) == 0
        said = capsys.readouterr()
        lines = said.out.splitlines()
        assert [line.partition(":")[0] for line in lines] == list(spec.NAMES)
        assert all("smoke, default, paper" in line for line in lines)
        assert said.err == ""

    def test_list_as_json_is_one_document_and_nothing_else(self, capsys):
        assert main(["list", "--json"]) == 0
        said = capsys.readouterr()
        rows = json.loads(said.out)
        assert [row["name"] for row in rows] == list(spec.NAMES)
        for row in rows:
            assert {"smoke", "default", "paper"} <= row["presets"].keys()
            if row["core"]:
                assert row["presets"]["default"].get("batches", [1])[0] == 1
            assert row["title"]
            assert row["budget_seconds"] > 0
        assert said.err == ""

    def test_claims_before_any_run_are_not_run(self, capsys, tmp_path):
        assert main(["claims", "--json", "--out", str(tmp_path / "none")]) == 0
        said = capsys.readouterr()
        rows = json.loads(said.out)
        assert [row["id"] for row in rows] == [claim.id for claim in all_claims()]
        assert {row["verdict"] for row in rows} == {NOT_RUN}
        assert said.err == ""
        assert not (tmp_path / "none").exists()

    def test_claims_are_judged_on_what_the_last_runs_found(self, capsys, tmp_path):
        Store(tmp_path).save("theory", all_checks_good())
        (tmp_path / "claims.json").write_text("what is written here is never used")
        assert main(["claims", "--json", "--out", str(tmp_path)]) == 0
        rows = json.loads(capsys.readouterr().out)
        for row in rows:
            assert row["verdict"] == ("holds" if row["experiment"] == "theory" else NOT_RUN)
        assert main(["claims", "--out", str(tmp_path)]) == 0
        assert ", 0 against expectation" in capsys.readouterr().out

    def test_without_a_command_the_usage_is_shown(self, capsys):
        assert main([]) == 2
        assert main(["--help"]) == 0
        assert capsys.readouterr().out.count("usage: python -m experiments COMMAND") == 2


class TestBadInput:
    def test_an_unknown_command(self, capsys):
        assert main(["destroy"]) == 2
        said = capsys.readouterr()
        assert said.err == (
            "error: unknown command 'destroy'; "
            "known: list, run, reproduce, claims, record, advise\n"
        )

    def test_no_name(self, refused):
        assert "run needs the name of an experiment" in refused("run")
        assert "run needs the name of an experiment" in refused("run", "--preset", "smoke")

    def test_an_unknown_experiment(self, refused):
        assert refused("run", "alchemy") == (
            f"error: unknown experiment 'alchemy'; known: {', '.join(spec.NAMES)}"
        )

    def test_fits_without_a_measured_curve(self, refused):
        assert refused("run", "rivals").endswith("python -m experiments run onestep_quadratic")

    @pytest.mark.parametrize("name", spec.NAMES)
    def test_an_unknown_preset(self, refused, name):
        line = refused("run", name, "--preset", "huge")
        assert line == f"error: {name} has no preset 'huge'; known: smoke, default, paper"

    @pytest.mark.parametrize(
        ("name", "options", "words"),
        [
            (name, *row)
            for name in spec.NAMES
            for row in OUT_OF_RANGE
            if row[0].split()[0].removeprefix("--") in settings(name)
        ],
    )
    def test_a_value_out_of_range(self, refused, name, options, words):
        assert words in refused("run", name, "--preset", "smoke", *options.split())

    @pytest.mark.parametrize(
        ("name", "options", "words"),
        [
            (QUADRATIC, "--problems cubic", "unknown problem 'cubic'; known: diagonal, rank_one"),
            (QUADRATIC, "--problems diagonal diagonal", "name each problem once"),
            (QUADRATIC, "--problems", "at least one"),
            (QUADRATIC, "--rules lion", "unknown rule 'lion'; known: sign, sgd"),
            (QUADRATIC, "--rules", "at least one"),
            (NETWORK, "--networks gpt", "unknown network 'gpt'; known: digits_mlp, fashion_cnn"),
            (NETWORK, "--networks digits_mlp digits_mlp", "name each network once"),
            (NETWORK, "--networks", "at least one"),
            (NETWORK, "--targets 0.3 1.0", "targets must decrease: [0.3, 1.0]"),
            (NETWORK, "--targets 0.3 0.3", "targets must decrease"),
            (NETWORK, "--targets nan", "must be finite"),
            (NETWORK, "--targets 1 -1", "must be finite and above 0, not -1"),
            (NETWORK, "--line-batches 3", "line-batches must be among batches"),
            (NETWORK, "--line-batches 256 16", "must increase"),
            (NETWORK, "--train-lr inf", "train-lr must be finite"),
            (NETWORK, "--gaussian-draws 1", "gaussian-draws must be at least 2"),
            (NETWORK, "--line-octaves 99999", "line-octaves must be at most 20"),
        ],
    )
    def test_a_value_that_this_experiment_does_not_know(self, refused, name, options, words):
        assert words in refused("run", name, "--preset", "smoke", *options.split())

    @pytest.mark.parametrize(
        "arguments",
        ["run onestep_quadratic --colour red", "run onestep_quadratic --seed x", "list --colour",
         "run onestep_quadratic extra", "reproduce --seed 1", "claims --colour",
         "run onestep_quadratic --preset"],
    )  # fmt: skip
    def test_what_cannot_be_parsed(self, arguments, capsys, tmp_path):
        out = "--out", str(tmp_path / "out")
        with pytest.raises(SystemExit) as ended:
            main([*arguments.split()[:2], *out, *arguments.split()[2:]])
        assert ended.value.code == 2
        assert "Traceback" not in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_help_lists_the_settings_with_the_preset_s_values(self, capsys):
        with pytest.raises(SystemExit) as ended:
            main(["run", QUADRATIC, "--preset", "smoke", "--help"])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        for field in dataclasses.fields(onestep_quadratic.Spec):
            assert f"--{field.name}" in said
        assert "65536" in said

    @pytest.mark.parametrize("command", [["run", QUADRATIC, "--preset", "smoke"], ["reproduce"]])
    def test_an_output_folder_that_cannot_be_written(self, refused, tmp_path, command):
        file = tmp_path / "file"
        file.write_text("not a folder")
        for out in (file, file / "deeper"):
            assert "cannot write" in refused(*command, out=out)
        assert file.read_text() == "not a folder"


class TestMemory:
    """What asks for more memory than there is ends in one line; other errors of a device do not."""

    @staticmethod
    def failing(monkeypatch, words: str) -> None:
        def fail(_):
            raise jax.errors.JaxRuntimeError(words)

        monkeypatch.setitem(COMMANDS, "list", fail)

    def test_a_batch_that_memory_does_not_hold(self, monkeypatch, capsys):
        self.failing(monkeypatch, "RESOURCE_EXHAUSTED: Out of memory allocating 36000885664 bytes.")
        assert main(["list"]) == 2
        said = capsys.readouterr().err
        assert said == "error: the memory is too small for this; finished cells are kept\n"

    def test_an_error_of_another_kind_is_shown_whole(self, monkeypatch):
        self.failing(monkeypatch, "INTERNAL: something broke")
        with pytest.raises(jax.errors.JaxRuntimeError):
            main(["list"])


class TestData:
    run = ("run", NETWORK, "--preset", "smoke")

    def test_a_data_folder_that_is_not_there(self, refused, tmp_path, monkeypatch):
        missing = str(tmp_path / "missing")
        assert "missing does not exist" in refused(*self.run, "--data-dir", missing)
        monkeypatch.setenv("SURGE_DATA", missing)
        assert "missing does not exist" in refused(*self.run)
        assert "missing does not exist" in refused("reproduce")

    def test_a_data_set_that_is_not_there(self, refused, tmp_path):
        options = (*self.run, "--networks", "fashion_cnn")
        assert "give --data-dir or set SURGE_DATA" in refused(*options)
        (tmp_path / "data").mkdir()
        line = refused(*options, "--data-dir", str(tmp_path / "data"))
        assert "no fashion_mnist in" in line

    @pytest.mark.parametrize("content", [b"", b"\x1f\x8b truncated", b"not even gzip"])
    def test_a_truncated_or_altered_file(self, refused, tmp_path, content):
        folder = tmp_path / "data" / "fashion_mnist"
        folder.mkdir(parents=True)
        for name in data.FASHION_MNIST:
            (folder / name).write_bytes(content)
        options = ("--networks", "digits_mlp", "fashion_cnn", "--data-dir", str(tmp_path / "data"))
        line = refused(*self.run, *options)
        assert "truncated or altered" in line
        assert "train-images-idx3-ubyte.gz" in line

    def test_a_missing_or_unreadable_file(self, refused, tmp_path):
        folder = tmp_path / "data" / "fashion_mnist"
        folder.mkdir(parents=True)
        options = ("--networks", "fashion_cnn", "--data-dir", str(tmp_path / "data"))
        assert "No such file" in refused(*self.run, *options)
        for name in data.FASHION_MNIST:
            (folder / name).mkdir()
        assert "cannot read" in refused(*self.run, *options)


class TestPresets:
    @pytest.mark.parametrize("module", [onestep_quadratic, onestep_network])
    def test_every_preset_is_valid_and_smoke_is_the_smallest(self, module):
        presets = module.EXPERIMENT.presets
        for chosen in presets.values():
            module.validate(chosen)
        assert len(presets["smoke"].batches) < len(presets["default"].batches)
        assert presets["paper"].resolution < presets["default"].resolution

    def test_an_experiment_bears_the_name_of_its_module(self):
        for name in spec.NAMES:
            assert spec.experiment(name).name == name
        with pytest.raises(InputError):
            spec.experiment("os")
