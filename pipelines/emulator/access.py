"""Who may ask, and how often: keys and the rate limit."""

import base64
import binascii
import re
from collections import deque
from typing import NamedTuple

from pipelines.emulator.errors import bad_key, no_key, too_many_requests

_KEY = re.compile(r"(?:sk|rk)_(test|live)_\w+", re.ASCII)
_WINDOW_S = 1.0


class Account(NamedTuple):
    """Whose sessions a key shows; hashable, so that each has its own."""

    livemode: bool


TEST_ACCOUNT = Account(livemode=False)


class Keys:
    """The keys that are accepted.

    Args:
        accepted: those; none means any that look like one.
    """

    def __init__(self, accepted: tuple[str, ...]) -> None:
        self._accepted = accepted

    def account(self, key: str) -> Account:
        """The account of a key.

        Raises:
            ApiError: a key that isn't accepted.
        """
        found = _KEY.fullmatch(key)
        if not found or (self._accepted and key not in self._accepted):
            raise bad_key(key)
        return Account(livemode=found[1] == "live")


class RateLimit:
    """How many requests a key may send in any one second.

    Args:
        requests: as many; 0 is any number.
    """

    def __init__(self, requests: int) -> None:
        self._requests = requests
        self._sent: dict[str, deque[float]] = {}

    def take(self, key: str, now: float) -> None:
        """Counts a request of a key at a time in seconds, on any clock that only goes forward.

        Raises:
            ApiError: it is one too many; then it doesn't count.
        """
        if not self._requests:
            return
        sent = self._sent.setdefault(key, deque())
        while sent and sent[0] <= now - _WINDOW_S:
            sent.popleft()
        if len(sent) >= self._requests:
            raise too_many_requests()
        sent.append(now)


def key_of(authorization: str) -> str:
    """The key in an `Authorization` header: Basic with the key as the user, or Bearer.

    Raises:
        ApiError: there is none.
    """
    kind, _, given = authorization.partition(" ")
    key = given.strip()
    if kind.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if kind.lower() not in {"basic", "bearer"} or not key:
        raise no_key()
    return key
