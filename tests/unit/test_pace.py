"""The pace against the definition of a rate, and against an API that allows less."""

import heapq
import random
from collections import deque
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.pace import FEWEST_IN_FLIGHT, MOST_IN_FLIGHT, RECOVERY_S, Pace

steps = st.lists(st.floats(0, 5), min_size=1, max_size=50)


class Limited:
    """An API that lets `limit` requests through in any one second, as seen by a paced client."""

    def __init__(self, pace: Pace, limit: int, seed: int) -> None:
        self.pace, self.limit = pace, limit
        self.accepted = self.refused = 0
        self._draw = random.Random(seed)
        self._seen: deque[float] = deque()
        self._events: list[tuple[float, int, str, float]] = []
        self._pushed = self._flying = 0

    def run(self, seconds: float) -> None:
        """Keep as many requests in flight as the pace says, each after its wait."""
        self._send(0.0)
        while self._events[0][0] < seconds:
            now, _, what, sent_at = heapq.heappop(self._events)
            if what == "arrives":
                self._arrive(now)
                continue
            self._flying -= 1
            if what == "answered":
                self.pace.answered(sent_at, now)
            else:
                self.pace.refused(sent_at, now)
            self._send(now)

    def _send(self, now: float) -> None:
        while self._flying < self.pace.in_flight(now):
            self._flying += 1
            on_the_way_s = self._draw.uniform(0, 0.01)
            self._push(now + self.pace.reserve(now) + on_the_way_s, "arrives", 0.0)

    def _arrive(self, now: float) -> None:
        while self._seen and self._seen[0] <= now - 1:
            self._seen.popleft()
        if len(self._seen) < self.limit:
            self._seen.append(now)
            self.accepted += 1
            self._push(now + self._draw.uniform(0.21, 0.39), "answered", now)
        else:
            self.refused += 1
            self._push(now + 0.01, "refused", now)

    def _push(self, at: float, what: str, sent_at: float) -> None:
        self._pushed += 1
        heapq.heappush(self._events, (at, self._pushed, what, sent_at))


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


@pytest.mark.parametrize(("per_second", "limit"), [(25, 10), (25, 24), (100, 60)])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_limit_below_the_pace_is_found_and_then_nearly_used_up(
    per_second: int, limit: int, seed: int
) -> None:
    api = Limited(Pace(per_second), limit, seed)
    api.run(100)
    assert api.accepted >= 0.92 * 100 * limit
    assert api.refused <= 0.04 * (api.accepted + api.refused)


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60), st.floats(1, 100))
def test_the_rate_stays_between_nothing_and_the_full_one_and_a_refusal_never_takes_over_half(
    steps: list[tuple[float, bool]], per_second: float
) -> None:
    pace, now = Pace(per_second), 0.0
    for step, refused in steps:
        now += step
        pace.reserve(now)
        before = pace.rate(now)
        if refused:
            pace.refused(now, now)
        assert before / 2 <= pace.rate(now) <= before <= per_second


def test_what_was_sent_before_a_refusal_was_known_does_not_lower_the_rate_again() -> None:
    pace = Pace(20)
    pace.refused(10.0, 10.1)
    lowered = pace.rate(10.1)
    assert lowered < 20
    pace.refused(10.05, 10.2)
    pace.refused(11.0, 11.0)
    assert pace.rate(10.1) == lowered
    pace.refused(11.2, 11.2)
    assert pace.rate(11.2) < lowered


def test_a_limit_that_passed_is_forgotten_slowly_at_first() -> None:
    pace = Pace(20)
    pace.refused(10.0, 10.0)
    lowered = pace.rate(10.0)
    assert pace.rate(15.0) < lowered + 0.1
    assert pace.rate(10.0 + RECOVERY_S / 2) < 20
    assert pace.rate(10.0 + RECOVERY_S) == 20


def sent_evenly(pace: Pace, per_second: int, seconds: range, latency_s: float) -> None:
    """Send so many requests a second, each of which takes as long."""
    for number in range(seconds.start * per_second, seconds.stop * per_second):
        pace.reserve(number / per_second)
        pace.answered(number / per_second, number / per_second + latency_s)


def test_so_many_requests_are_in_flight_as_pace_and_latency_ask_for() -> None:
    pace = Pace(25)
    assert pace.in_flight(0.0) == FEWEST_IN_FLIGHT
    sent_evenly(pace, 25, range(10), 0.3)
    assert 25 * 0.3 <= pace.in_flight(10.0) <= 2 * 25 * 0.3
    sent_evenly(pace, 25, range(10, 20), 0.01)
    assert pace.in_flight(20.0) == FEWEST_IN_FLIGHT
    sent_evenly(pace, 25, range(20, 30), 20)
    assert pace.in_flight(30.0) == MOST_IN_FLIGHT


def test_no_more_is_in_flight_than_this_machine_can_keep_up_with() -> None:
    pace = Pace(100)
    sent_evenly(pace, 20, range(1), 0.3)
    assert pace.in_flight(1.0) >= 100 * 0.3  # who has just begun may become faster
    sent_evenly(pace, 20, range(1, 5), 0.3)
    assert 2 * 20 * 0.3 <= pace.in_flight(5.0) <= 4 * 20 * 0.3
    sent_evenly(pace, 80, range(5, 8), 0.3)
    assert pace.in_flight(8.0) >= 100 * 0.3
    sent_evenly(pace, 20, range(8, 12), 0.3)
    assert pace.in_flight(12.0) >= 100 * 0.3  # a while of little to do makes nothing slower


def test_a_pace_that_was_lowered_needs_fewer_requests_in_flight() -> None:
    pace = Pace(100)
    pace.answered(0.0, 0.3)
    before = pace.in_flight(1.0)
    pace.refused(1.0, 1.0)
    assert pace.in_flight(1.0) < before
