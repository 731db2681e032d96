"""Who may import whom, what a library module may not do, and how long a file may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import sim
import theory

ROOT = Path(__file__).parent.parent
ROOMS = ("theory", "sim", "experiments", "figures")
FORBIDDEN = {
    "theory": {"sim", "experiments", "figures", "optax", "flax", "matplotlib"},
    "sim": {"theory", "experiments", "figures", "sympy", "matplotlib"},
    "experiments": {"figures", "matplotlib"},
    "figures": {"sim", "optax", "flax", "jax.random"},
}
SEEDED = {"default_rng", "Generator", "SeedSequence", "Random"}
LONGEST = 300  # lines

FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
LIBRARY = [path for path in FILES if path.name != "__main__.py"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def dotted(node: ast.expr, known: dict[str, str]) -> str | None:
    """The full name that a chain of attributes stands for, if its root was imported."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        root = dotted(node.value, known)
        return root and f"{root}.{node.attr}"
    return None


def mentions(source: str) -> Iterator[str]:
    """Every dotted name that a module imports, or reaches through what it imports."""
    tree = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
                top = alias.name.partition(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")  # a relative import stays in its room
            for alias in node.names:
                yield f"{base}.{alias.name}"
                known[alias.asname or alias.name] = f"{base}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := dotted(node, known)):
            yield name


def mentioned(path: Path) -> list[str]:
    return list(mentions(path.read_text()))


def reaches(name: str, forbidden: str) -> bool:
    return name == forbidden or name.startswith(f"{forbidden}.")


def breaches(names: list[str], room: str) -> set[str]:
    return {name for name in names for bad in FORBIDDEN[room] if reaches(name, bad)}


def impurities(names: list[str]) -> set[str]:
    """Configuration, environment and random state that belong to the process, not to a library."""
    bad = {
        name
        for name in names
        for other in ("jax.config", "os.environ", "os.getenv", "os.putenv")
        if reaches(name, other)
    }
    for name in names:
        for module in ("numpy.random.", "random."):
            rest = name.removeprefix(module)
            if rest != name and rest.partition(".")[0] not in SEEDED:
                bad.add(name)
    return bad


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_the_rooms_before_it(room):
    wrong = {
        name_of(path): found
        for path in FILES
        if path.relative_to(ROOT).parts[0] == room and (found := breaches(mentioned(path), room))
    }
    assert not wrong


def test_a_library_module_changes_no_configuration_and_reads_no_environment():
    wrong = {name_of(path): found for path in LIBRARY if (found := impurities(mentioned(path)))}
    assert not wrong


def test_no_file_is_longer_than_300_lines():
    long = {name_of(p): n for p in FILES if (n := len(p.read_text().splitlines())) > LONGEST}
    assert not long


def test_there_are_files_in_every_room():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(ROOMS)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("sim", "import theory"),
        ("sim", "from theory.surge import peak"),
        ("sim", "def late():\n    import sympy as sp"),
        ("experiments", "from matplotlib import pyplot"),
        ("figures", "import jax\nkey = jax.random.key(0)"),
        ("figures", "from jax import random as r"),
    ],
)
def test_the_walk_sees_a_forbidden_import(room, source):
    assert breaches(list(mentions(source)), room)


@pytest.mark.parametrize(
    ("room", "source"),
    [("sim", "import theorys"), ("figures", "import jax.numpy as jnp\njnp.ones(3)")],
)
def test_the_walk_is_not_misled_by_a_similar_name(room, source):
    assert not breaches(list(mentions(source)), room)


@pytest.mark.parametrize(
    "source",
    [
        "import jax\njax.config.update('jax_enable_x64', True)",
        "from jax import config",
        "import os\nos.environ['A']",
        "from os import environ",
        "import os\nos.getenv('A')",
        "import numpy as np\nnp.random.seed(0)",
        "from numpy.random import normal",
        "import random\nrandom.shuffle([])",
    ],
)
def test_the_walk_sees_state_of_the_process(source):
    assert impurities(list(mentions(source)))


def test_the_walk_permits_a_seeded_generator():
    assert not impurities(list(mentions("import numpy as np\nnp.random.default_rng(0)")))


def test_every_rule_that_is_simulated_has_a_theory():
    assert set(sim.RULES) <= set(theory.RULES)


def test_a_theory_without_a_simulation_is_an_approximation_of_a_simulated_rule():
    for name in set(theory.RULES) - set(sim.RULES):
        assert any(name.startswith(f"{rule}_") for rule in sim.RULES), name
