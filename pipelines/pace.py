"""The pace of requests: one account's shared rate.

Pure: the time is an argument, in seconds of any clock that only runs forward.
"""


class Pace:
    """Spreads requests evenly over time, never more than `per_second`.

    Args:
        per_second: requests a second that the account may get.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._next = 0.0

    def reserve(self, now: float) -> float:
        """Take the next free place and return how many seconds to wait for it."""
        place = max(now, self._next)
        self._next = place + 1 / self.per_second
        return place - now
