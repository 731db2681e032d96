"""Settings for every test: float64 available, as in the command-line entry points, and no recorded
results but those that a test makes."""

import jax
import pytest

from experiments import store

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session", autouse=True)
def nothing_recorded(tmp_path_factory):
    """An empty folder in the place of `experiments/results`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "RESULTS", tmp_path_factory.mktemp("results"))
        yield


@pytest.fixture(scope="module")
def fully_compiled():
    """Programs that run for more than a moment; all others are compiled without optimizations."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)
