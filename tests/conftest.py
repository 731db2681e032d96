"""Settings for every test: float64 available, as in the command-line entry points, and no recorded
results but those that a test makes."""

import jax
import pytest

from experiments import store

jax.config.update("jax_enable_x64", True)


@pytest.fixture(scope="session", autouse=True)
def nothing_recorded(tmp_path_factory):
    """An empty folder in the place of `experiments/results`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "RESULTS", tmp_path_factory.mktemp("results"))
        yield


@pytest.fixture(scope="module")
def quickly_compiled():
    """Programs that run for a moment only are compiled without most optimizations."""
    before = jax.config.jax_disable_most_optimizations  # pyright: ignore[reportAttributeAccessIssue]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
