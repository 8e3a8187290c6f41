"""Faults to order: which requests go wrong, and how.

A fault is a kind with a share of all requests (`503=0.3`) or with one request's number, counted
from 1 (`reset@7`). Kinds are of three sorts: another answer in place of the right one, the right
one spoiled, and the right one sent badly.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from pipelines.emulator.breaches import BREACHES, DATES
from pipelines.emulator.errors import ApiError, broken, lock_timeout, too_many_requests
from pipelines.emulator.messages import Response
from pipelines.emulator.sendings import SENDINGS

_FORM = re.compile(r"([a-z0-9-]+)(?:=([0-9.]{1,9})|@([0-9]{1,9}))")
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Oops</h1></body></html>"
_ELSEWHERE = "https://elsewhere.example/v1/checkout/sessions"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a share of the requests, or with the one of a number (0 for none)."""

    kind: str
    share: float = 0.0
    number: int = 0

    @classmethod
    def of(cls, text: str) -> "Fault":
        """The fault that `KIND=SHARE` or `KIND@NUMBER` means.

        Raises:
            ValueError: it is neither, or there is no such kind.
        """
        found = _FORM.fullmatch(text)
        if not found:
            raise ValueError(f"expected KIND=SHARE or KIND@NUMBER, got {text[:60]!r}")
        kind, share, number = found.groups()
        if kind not in KINDS:
            raise ValueError(f"no fault is named {kind!r}; there are: {', '.join(KINDS)}")
        try:
            fault = cls(kind, float(share or 0), int(number or 0))
        except ValueError:
            raise ValueError(f"expected a share from 0 to 1, got {share!r}") from None
        if fault.share > 1 or number == "0":
            raise ValueError(f"expected a share from 0 to 1, or a number from 1, got {text!r}")
        return fault


class Faults:
    """Chooses the fault of each request.

    Args:
        faults: what goes wrong; for one request the first of its number, else one by share.
        seed: another seed, other requests.

    Raises:
        ValueError: shares of more than all.
    """

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        if sum(fault.share for fault in faults) > 1 + 1e-9:
            raise ValueError("the faults' shares add up to more than 1")
        self._by_number = {fault.number: fault.kind for fault in reversed(faults) if fault.number}
        self._by_share = [fault for fault in faults if fault.share]
        self._draw = Random(seed)  # noqa: S311 - spreads faults, no secret
        self._requests = 0

    def next(self) -> str | None:
        """The kind of fault that the next request meets, None for no fault."""
        self._requests += 1
        if self._requests in self._by_number:
            return self._by_number[self._requests]
        left = self._draw.random()
        for fault in self._by_share:
            left -= fault.share
            if left < 0:
                return fault.kind
        return None


def instead(kind: str | None) -> Response | None:
    """What is answered in place of the right answer, None where another thing goes wrong.

    Raises:
        ApiError: a refusal.
    """
    if kind in _REFUSALS:
        make = _REFUSALS[kind]
        raise make()
    return _ANSWERS.get(kind)


_REFUSALS: dict[str | None, Callable[[], ApiError]] = {
    "429": lambda: too_many_requests(reason=None),
    "429-reason": too_many_requests,
    "lock-timeout": lock_timeout,
    "500": lambda: broken(500),
    "503": lambda: broken(503),
}
_ANSWERS: dict[str | None, Response] = {
    "502-html": Response(502, _HTML, {"Content-Type": "text/html"}),
    "html": Response(200, _HTML, {"Content-Type": "text/html"}),
    "redirect": Response(302, b"", {"Location": _ELSEWHERE}),
}
KINDS = tuple(
    str(kind) for kind in (*_REFUSALS, *_ANSWERS, "cut", "repeat", *BREACHES, *DATES, *SENDINGS)
)
"""All kinds of faults."""
