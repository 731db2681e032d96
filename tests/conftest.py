"""Settings for every test: float64 available, as in the command-line entry points."""

import jax

jax.config.update("jax_enable_x64", True)
