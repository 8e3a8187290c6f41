"""What a run changes in this process is as before when the last one ends."""

import gc
from contextlib import ExitStack

import pytest

from pipelines.memory import RARELY, frugal


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_runs_side_by_side_leave_the_search_for_garbage_as_the_first_found_it(
    first_to_end: int,
) -> None:
    before = gc.get_threshold()
    runs = [ExitStack(), ExitStack()]
    try:
        for run in runs:
            run.enter_context(frugal())
        runs.pop(first_to_end).close()
        assert gc.get_threshold() == (RARELY, *before[1:])
        runs.pop().close()
        assert gc.get_threshold() == before
    finally:
        gc.set_threshold(*before)
