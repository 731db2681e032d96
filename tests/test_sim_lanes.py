"""Groups of cells that go side by side, in threads."""

import threading
import time

import pytest

from sim.lanes import over_groups


@pytest.mark.parametrize("threads", [1, 3])
def test_every_group_is_worked_on_once_and_results_keep_their_order(threads):
    found = over_groups(lambda group: (time.sleep(0.01 / (1 + group[0])), group)[1], 7, 3, threads)
    assert [group.tolist() for group in found] == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]


def test_as_many_go_together_as_there_are_threads():
    together = threading.Barrier(3, timeout=10)  # passes when three wait at it
    over_groups(lambda _: together.wait(), 6, 1, 3)


def test_an_error_in_one_thread_is_raised_and_what_waits_is_left_undone():
    done = []

    def work(group):
        if group[0] == 0:
            raise KeyboardInterrupt
        time.sleep(0.05)
        done.append(group)

    with pytest.raises(KeyboardInterrupt):
        over_groups(work, 100, 1, 2)
    assert len(done) < 50
