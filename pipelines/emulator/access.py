"""Who may ask, and how often: keys and the rate limit."""

import base64
import binascii
import re
from collections import deque
from typing import NamedTuple

from pipelines.emulator.errors import bad_key, no_access, no_key, too_many_requests

_KEY = re.compile(r"(?:sk|rk)_(test|live)_(\w+)", re.ASCII)
_WINDOW_S = 1.0


class Account(NamedTuple):
    """Whose sessions a key shows; hashable, so that each has its own.

    Attributes:
        livemode: whether they are those of live mode.
        number: which of the accounts, from 1.
    """

    livemode: bool
    number: int = 1

    @property
    def id(self) -> str:
        """Its id, as in the header `Stripe-Account`."""
        return f"acct_{self.number}"


TEST_ACCOUNT = Account(livemode=False)


class Keys:
    """The keys that are accepted, and whose they are.

    Args:
        accepted: those; none means any that look like one.
        accounts: how many accounts there are. With several, the keys are those accepted, in the
            order of the accounts, or else `sk_test_1`, `sk_test_2` and so on.
    """

    def __init__(self, accepted: tuple[str, ...], accounts: int = 1) -> None:
        self._accepted = accepted
        self._accounts = accounts

    def account(self, key: str, connected: str | None = None) -> Account:
        """The account of a key, or the connected one that it asks for.

        Raises:
            ApiError: a key that isn't accepted, or an account that isn't there.
        """
        found = _KEY.fullmatch(key)
        number = self._number(key, found[2]) if found else None
        if not found or number is None:
            raise bad_key(key)
        if connected is not None:
            numbers = (n for n in range(1, self._accounts + 1) if connected == f"acct_{n}")
            number = next(numbers, None)
            if number is None:
                raise no_access(key, connected)
        return Account(found[1] == "live", number)

    def _number(self, key: str, name: str) -> int | None:
        """The account that a key is for, None for a key that isn't accepted."""
        if self._accepted and key not in self._accepted:
            return None
        if self._accounts == 1:
            return 1
        if self._accepted:
            return self._accepted.index(key) + 1
        own = name.isdecimal() and name == str(int(name)) and 1 <= int(name) <= self._accounts
        return int(name) if own else None


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
