"""Sessions and responses as an API would send them, and an API in this process to send them."""

import json
from collections.abc import Callable, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx

from pipelines.keys import Key
from pipelines.pace import Pace
from pipelines.stripe_api import ApiClock, StripeApi

DATA = Path(__file__).parent.parent / "data"
SECRET = "sk_live_51HQqZ2eZvKYlo2C"
NOW = 1_790_000_000
"""What the API's clock shows unless a test says otherwise."""

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def session(id: str = "cs_1", created: int = 1_700_000_000, **fields: Any) -> dict[str, Any]:  # noqa: A002 -- the field's name
    """Return the least that is a session, and these fields."""
    return {"id": id, "object": "checkout.session", "created": created, **fields}


def listing(items: Sequence[Any], *, has_more: bool = False) -> bytes:
    """Return a list response's body; an item may be a session or its JSON."""
    texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
    more = "true" if has_more else "false"
    data = ",".join(texts)
    return f'{{"object":"list","url":"/v1","has_more":{more},"data":[{data}]}}'.encode()


def answer(body: bytes, status: int = 200, date: Any = NOW, **headers: str) -> httpx.Response:
    """Return a response; a date is epoch seconds, text as it is, or none at all."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if date is not None:
        sent["Date"] = formatdate(date, usegmt=True) if isinstance(date, int) else date
    return httpx.Response(status, headers=sent, stream=httpx.ByteStream(body))


class World:
    """A machine whose clock moves only when somebody waits, and an API with prepared answers.

    Attributes:
        now: the machine's clock, seconds since anything.
        waits: how long was waited each time, in seconds.
        requests: what was sent.
    """

    def __init__(self) -> None:
        self.now = 5_000.0
        self.waits: list[float] = []
        self.requests: list[httpx.Request] = []
        self.answers: list[Answer] = []

    def api(self, *answers: Answer, **options: Any) -> StripeApi:
        """Return access to an API that gives these answers, the last one again and again."""
        given = {
            "base_url": "https://api.stripe.com",
            "key": Key(SECRET),
            "api_version": "2026-10-28.endive",
            "pace": Pace(1e9),
            "clock": ApiClock(60),
            "transport": self.transport(*answers),
        }
        return StripeApi(**(given | options))

    def transport(self, *answers: Answer) -> httpx.MockTransport:
        """Return the way to that API."""
        self.answers = list(answers)
        return httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert len(self.requests) < 5_000, "asks without end"
        chosen = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(chosen, Exception):
            raise chosen
        if isinstance(chosen, httpx.Response):
            # A stream is read once; the next try gets one of its own.
            body = b"".join(chosen.stream) if isinstance(chosen.stream, httpx.ByteStream) else None
            stream = chosen.stream if body is None else httpx.ByteStream(body)
            return httpx.Response(chosen.status_code, headers=chosen.headers, stream=stream)
        return chosen(request)
