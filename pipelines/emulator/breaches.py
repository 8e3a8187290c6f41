"""Right answers spoiled: each breaks the contract of a list response in one way."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from pipelines.emulator.messages import Request, Response

_AFTER = re.compile(rb"created(?:\[|%5B)gt(?:\]|%5D)=(-?\d+)")
_OK = 200
_OLD_S = 3_600

Page = dict[str, Any]


def spoiled(kind: str | None, request: Request, response: Response, now: float) -> Response:
    """A right answer as a fault changes it; any other answer as it is."""
    if kind == "cut":
        return replace(response, body=response.body[: len(response.body) // 2])
    if kind in DATES:
        return replace(response, headers={**response.headers, "Date": DATES[kind](now)})
    if kind not in BREACHES or response.status != _OK:
        return response
    page = json.loads(response.body)
    if page.get("object") != "list":
        return response
    after = _AFTER.search(request.query)
    BREACHES[kind](page, int(after[1]) if after else 0)
    return replace(response, body=json.dumps(page).encode())


def without_cursor(request: Request) -> Request:
    """The request as a server sees it that gives its first page again and again."""
    query = re.sub(rb"(^|&)starting_after=[^&]*", b"", request.query).lstrip(b"&")
    return replace(request, query=query)


def _breach(change: Callable[[Page], None]) -> Callable[[Page, int], None]:
    return lambda page, _after: change(page)


def _with(**fields: Any) -> Callable[[Page, int], None]:
    return _breach(lambda page: page.update(fields))


def _first_with(**fields: Any) -> Callable[[Page, int], None]:
    """Other fields in the first session, which is made up where the page has none."""

    def change(page: Page, after: int) -> None:
        page["data"] = page["data"] or [_made_up(after + 1)]
        page["data"][0].update(fields)

    return change


def _made_up(created: int) -> Page:
    return {
        "id": "cs_test_made_up",
        "object": "checkout.session",
        "created": created,
        "livemode": False,
    }


def _outside(page: Page, after: int) -> None:
    page["data"].append(_made_up(after))


def _unordered(page: Page) -> None:
    page["data"].sort(key=lambda session: session.get("created", 0))


def _twice(page: Page) -> None:
    page["data"] += page["data"][-1:]


def _both_modes(page: Page) -> None:
    if page["data"]:
        last = page["data"][-1]
        twin = {**last, "id": f"{last['id']}x", "livemode": not last.get("livemode")}
        page["data"].append(twin)


BREACHES: dict[str | None, Callable[[Page, int], None]] = {
    "no-list": _with(object="checkout.session"),
    "has-more-text": _with(has_more="true"),
    "endless": _with(has_more=True),
    "data-null": _with(data=None),
    "other-object": _first_with(object="customer"),
    "no-id": _first_with(id=None),
    "created-text": _first_with(created="yesterday"),
    "outside": _outside,
    "unordered": _breach(_unordered),
    "twice": _breach(_twice),
    "both-modes": _breach(_both_modes),
}
"""What is done to a page that was asked for from a second on, by the kind of fault."""

DATES: dict[str | None, Callable[[float], str]] = {
    "no-date": lambda _now: "",
    "bad-date": lambda _now: "yesterday",
    "old-date": lambda now: formatdate(int(now) - _OLD_S, usegmt=True),
}
"""What a Date says, by the kind of fault; nothing means that there is none."""
