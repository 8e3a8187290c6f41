"""The pace against the definition of a rate."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.pace import Pace

steps = st.lists(st.floats(0, 5), min_size=1, max_size=50)


@given(steps, st.floats(0.1, 1_000))
def test_places_are_never_closer_than_the_rate_allows_and_never_in_the_past(
    steps: list[float], per_second: float
) -> None:
    pace = Pace(per_second)
    nows = list(accumulate(steps))
    waits = [pace.reserve(now) for now in nows]
    places = [now + wait for now, wait in zip(nows, waits, strict=True)]
    gaps = [later - earlier for earlier, later in pairwise(places)]
    assert all(wait >= 0 for wait in waits)
    assert all(gap >= 1 / per_second - 1e-9 for gap in gaps)


def test_requests_at_once_wait_one_after_the_other() -> None:
    pace = Pace(4)
    assert [pace.reserve(10.0) for _ in range(5)] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_time_that_was_not_used_is_not_saved_up() -> None:
    pace = Pace(2)
    assert pace.reserve(0.0) == 0.0
    assert [pace.reserve(100.0) for _ in range(3)] == pytest.approx([0.0, 0.5, 1.0])


def test_who_comes_late_enough_does_not_wait() -> None:
    pace = Pace(2)
    assert [pace.reserve(now) for now in (1.0, 1.5, 2.0, 7.25)] == [0.0, 0.0, 0.0, 0.0]
