"""The README's example of a model of one's own, run as it stands there."""

import re
from pathlib import Path

import jax
import numpy as np

README = Path(__file__).parent.parent / "README.md"


def example() -> str:
    section = README.read_text().partition("## Measure a model of your own\n")[2]
    return re.findall(r"```python\n(.*?)```", section, re.S)[0]


def test_the_example_has_ten_lines_and_prints_noise_scales_and_learning_rates(capsys):
    code = example()
    assert len(list(filter(None, code.splitlines()))) == 10
    names: dict = {}
    with jax.enable_x64(False):  # as a user has it
        exec(code, names)
    scales, _, rates = capsys.readouterr().out.strip().rpartition("\n")
    assert scales.startswith("noise scales:")
    lr = np.fromstring(rates.strip("[]"), sep=" ")
    assert lr.shape == (3,)
    assert (np.diff(lr) > 0).all()
    assert names["found"].count == 1797
