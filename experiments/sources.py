"""What code a measurement depends on: the modules that are named, and all of `sim` they reach."""

import ast
import functools
import hashlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

ROOM = "sim"


def source_hash(modules: Sequence[ModuleType]) -> str:
    """sha256 over the source of modules, and of the modules of `sim` that these import, directly
    or through each other; a package stands for all of its files."""
    named = [Path(str(module.__file__)) for module in modules]
    reached: set[Path] = set()
    waiting = list(named)
    while waiting:
        new = set(_imported(waiting.pop())) - reached
        reached |= new
        waiting += new
    paths = [*named, *sorted(reached - set(named))]
    return hashlib.sha256(b"".join(map(source, paths))).hexdigest()


@functools.cache
def source(path: Path) -> bytes:
    """A module's source, read once: the code of a running process does not change either."""
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    return b"\n".join(file.read_bytes() for file in files)


@functools.cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Files of `sim` that a module imports; for `import sim` its `__init__.py`, that is all."""
    return tuple(map(_file, _names(ast.parse(source(path)))))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == ROOM:
            names = [f"{ROOM}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        else:
            continue
        yield from (name for name in names if name == ROOM or name.startswith(f"{ROOM}."))


@functools.cache
def _file(name: str) -> Path:
    """The file behind a name: a module of `sim`, or the one that `sim` takes the name from."""
    spec = find_spec(ROOM)
    assert spec is not None
    assert spec.origin is not None
    init, own = Path(spec.origin), name.partition(".")[2]
    if not own or (init.parent / f"{own}.py").exists():
        return init.parent / f"{own}.py" if own else init
    for node in ast.parse(init.read_bytes()).body:
        if isinstance(node, ast.ImportFrom) and own in {alias.name for alias in node.names}:
            return _file(str(node.module))
    return init
