"""The pace of requests: one account's shared rate, and how many to have in flight.

Pure: the time is an argument, in seconds of any clock that only runs forward.

The rate starts at what the account is said to get. A refusal (429) lowers it to what was let
through in the second before, and by a twentieth at least, by half at most. What is refused within
a second of that was counted against the same allowance and changes nothing. From there the rate
grows with the square of the time without a refusal: slowly at first, so that it stays just below a
limit that lasts, and to its full height within two minutes where the limit was a passing one.
"""

import math
from collections import deque

JUST_BELOW = 0.95
"""Share of the rate at which the API refused that is used from then on, at the most."""
ALLOWANCE_S = 1.0
"""Seconds over which the API counts requests."""
RECOVERY_S = 120.0
"""Seconds without a refusal after which the rate is the full one again, at the latest."""

HEADROOM = 1.25
"""Requests in flight for each that the mean latency asks for: latencies differ."""
FEWEST_IN_FLIGHT, MOST_IN_FLIGHT = 2, 64
LOOK_BACK_S = 2 * ALLOWANCE_S
"""How long it is remembered what was sent and what was refused, in seconds."""
MORE = 2
"""How much more than the most that was sent so far is held to be in reach. Where this machine can't
keep up with the API, more in flight would only be in each other's way."""
NEW_SHARE = 0.1
"""Weight of the latest response in the mean latency."""


class Pace:
    """Spreads requests evenly over time, never more than `per_second`, fewer where refused.

    Args:
        per_second: requests a second that the account may get.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._next = 0.0
        self._first_answer = math.inf
        self._most_sent = 0
        self._base = per_second
        self._lowered_at = -math.inf
        self._sent: deque[float] = deque()
        self._refused: deque[float] = deque()
        self._latency_s: float | None = None

    def rate(self, now: float) -> float:
        """Return the requests a second at this moment."""
        share = min(1.0, max(0.0, now - self._lowered_at) / RECOVERY_S)
        return min(self.per_second, self._base + self.per_second * share**2)

    def in_flight(self, now: float) -> int:
        """Return how many requests at a time keep the rate at the latency seen."""
        wanted = self._within_reach(now) * (self._latency_s or 0.0) * HEADROOM
        return max(FEWEST_IN_FLIGHT, min(MOST_IN_FLIGHT, math.ceil(wanted) + 1))

    def _within_reach(self, now: float) -> float:
        """Return the rate, or what this machine can keep up with where that is less."""
        if now - self._first_answer < LOOK_BACK_S:
            return self.rate(now)
        return min(self.rate(now), MORE * self._most_sent / LOOK_BACK_S)

    def reserve(self, now: float) -> float:
        """Take the next free place and return how many seconds to wait for it."""
        place = max(now, self._next)
        self._next = place + 1 / self.rate(now)
        self._sent.append(place)
        _forget(self._sent, now - LOOK_BACK_S)
        self._most_sent = max(self._most_sent, len(self._sent))
        return place - now

    def answered(self, sent_at: float, now: float) -> None:
        """Note that a request sent at `sent_at` was answered."""
        self._first_answer = min(self._first_answer, now)
        took_s = now - sent_at
        mean_s = took_s if self._latency_s is None else self._latency_s
        self._latency_s = mean_s + NEW_SHARE * (took_s - mean_s)

    def refused(self, sent_at: float, now: float) -> None:
        """Note that a request sent at `sent_at` was one too many."""
        self._refused.append(sent_at)
        _forget(self._refused, now - LOOK_BACK_S)
        if sent_at < self._lowered_at + ALLOWANCE_S:
            return
        rate = self.rate(now)
        let_through = (_within(self._sent, sent_at) - _within(self._refused, sent_at)) / ALLOWANCE_S
        # Half a request more: what was let through is a whole number, a limit need not be.
        self._base = max(rate / 2, min(JUST_BELOW * rate, let_through + 0.5))
        self._lowered_at = now


def _within(moments: deque[float], end: float) -> int:
    """Return how many of the moments lie in the allowance that ends at `end`."""
    return sum(end - ALLOWANCE_S < moment <= end for moment in moments)


def _forget(moments: deque[float], before: float) -> None:
    while moments and moments[0] < before:
        moments.popleft()
