"""When a run of training is looked at, and at which step its loss first falls to a target.

A look costs as much as many steps.  Looks come after every few per cent of the steps so far, so
that there are few of them however many steps a target takes; a crossing lies between two looks,
where log loss is taken to be linear in the step.
"""

import numpy as np


def next_look(t: int, growth: float, gap: int, last: int) -> int:
    """The step of the look after the one at step t: t + max(gap, ⌊growth·t⌋), at most `last`."""
    return min(t + max(gap, int(growth * t)), last)


def crossing(span, before, after, target):
    """The step at which the loss was `target`, on its way from `before` to `after` between the
    looks at the steps `span` = (t₀, t₁): before > target ≥ after > 0.

    t₀ + (t₁−t₀)·(ln before − ln target)/(ln before − ln after).  Arrays that broadcast.
    """
    begin, end = span
    share = (np.log(before) - np.log(target)) / (np.log(before) - np.log(after))
    return begin + (end - begin) * share
