"""Order, filters and paging over an account's sessions, whatever they come from."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol

import msgspec

from pipelines.emulator.errors import no_such
from pipelines.emulator.rawjson import members, replaced

FIRST_LINE_ITEMS = 10  # as many come with an expanded session

# Filters, and where a session has the value that each compares.
FIELDS = {
    "customer": ("customer",),
    "customer_account": ("customer_account",),
    "customer_details.email": ("customer_details", "email"),
    "payment_intent": ("payment_intent",),
    "payment_link": ("payment_link",),
    "status": ("status",),
    "subscription": ("subscription",),
}
# Ids that can become objects, and what these are.
OBJECTS = {
    "customer": "customer",
    "invoice": "invoice",
    "payment_intent": "payment_intent",
    "payment_link": "payment_link",
    "setup_intent": "setup_intent",
    "subscription": "subscription",
}


class Horizon(NamedTuple):
    """What can be seen now: indexes below `end`, but for those `hidden`."""

    end: int
    hidden: frozenset[int]


class Source(Protocol):
    """Where sessions come from; each has an index, counted from the oldest.

    `created` is sorted; times are in epoch seconds.
    """

    created: Sequence[int]

    def horizon(self, now: int) -> Horizon:
        """What can be seen now."""

    def index_of(self, session_id: str) -> int | None:
        """The session with this id, or None."""

    def id_of(self, index: int) -> str:
        """A session's id."""

    def find(self, filters: Mapping[str, str], now: int) -> Sequence[int]:
        """Sorted indexes among which all sessions are that match."""

    def matches(self, index: int, filters: Mapping[str, str], now: int) -> bool:
        """Whether a session matches all the filters."""

    def body(self, index: int, now: int) -> str:
        """A session as JSON, without `line_items`."""

    def line_items(self, index: int, now: int, most: int = ...) -> list[str]:
        """The first line items of a session, as JSON."""


@dataclass(frozen=True)
class Expand:
    """What is asked to be put in place of ids, and whether line items are."""

    line_items: bool = False
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cursors:
    """Which part of a list is asked for: at most one of the two ids is set."""

    limit: int = 10
    starting_after: str | None = None
    ending_before: str | None = None


@dataclass(frozen=True)
class Query:
    """A list request; `created` lies between `least` and `most`, both in epoch seconds."""

    least: int | None = None
    most: int | None = None
    filters: dict[str, str] = field(default_factory=dict)
    cursors: Cursors = field(default_factory=Cursors)
    expand: Expand = field(default_factory=Expand)


class Page(NamedTuple):
    """A part of a list: its elements as JSON, and whether more lie in the direction of travel."""

    rows: list[bytes]
    has_more: bool


class Store:
    """An account's sessions as the API shows them, with the edits made to their metadata.

    Args:
        source: where the sessions come from.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._edits: dict[int, dict[str, str]] = {}

    def page(self, query: Query, now: int) -> Page:
        """A page of sessions, newest first.

        Raises:
            ApiError: a cursor that isn't there.
        """
        indexes, has_more = self._indexes(query, now)
        return Page([self._body(index, query.expand, now) for index in indexes], has_more)

    def session(self, session_id: str, expand: Expand, now: int) -> bytes:
        """One session.

        Raises:
            ApiError: no such session.
        """
        return self._body(self._known(session_id, now), expand, now)

    def line_items(self, session_id: str, cursors: Cursors, now: int) -> Page:
        """A page of a session's line items, in their order.

        Raises:
            ApiError: no such session, or no such line item.
        """
        items = self.source.line_items(self._known(session_id, now), now)
        first, end = 0, len(items)
        cursor = cursors.starting_after or cursors.ending_before
        if cursor is not None:
            param = "starting_after" if cursors.starting_after else "ending_before"
            place = next((k for k, item in enumerate(items) if _has_id(item, cursor)), None)
            if place is None:
                raise no_such("line_item", cursor, param=param, status=400)
            first, end = (place + 1, end) if cursors.starting_after else (0, place)
        more = end - first > cursors.limit
        if cursors.ending_before:
            first = max(first, end - cursors.limit)
        rows = items[first : min(end, first + cursors.limit)]
        return Page([row.encode() for row in rows], more)

    def edit(self, session_id: str, changes: Mapping[str, str], now: int, *, clear: bool) -> bytes:
        """Changes a session's metadata and shows the session; an empty value removes its key.

        Raises:
            ApiError: no such session.
        """
        index = self._known(session_id, now)
        metadata = (
            {} if clear else json.loads(self._body(index, Expand(), now)).get("metadata") or {}
        )
        merged = {**metadata, **changes}
        self._edits[index] = {name: value for name, value in merged.items() if value != ""}
        return self._body(index, Expand(), now)

    def bodies(self, now: int) -> list[bytes]:
        """All sessions that can be seen now, newest first."""
        end, hidden = self.source.horizon(now)
        seen = (index for index in range(end - 1, -1, -1) if index not in hidden)
        return [self._body(index, Expand(), now) for index in seen]

    def _indexes(self, query: Query, now: int) -> tuple[list[int], bool]:
        """The indexes of a page, newest first, and whether there are more."""
        created, cursors = self.source.created, query.cursors
        end, hidden = self.source.horizon(now)
        first = 0 if query.least is None else bisect_left(created, query.least)
        if query.most is not None:
            end = min(end, bisect_right(created, query.most))
        if cursors.starting_after is not None:
            end = min(end, self._known(cursors.starting_after, now, param="starting_after"))
        if cursors.ending_before is not None:
            place = self._known(cursors.ending_before, now, param="ending_before")
            first = max(first, place + 1)

        found: Sequence[int] = range(len(created))
        if query.filters:
            found = self.source.find(query.filters, now)
        found = found[bisect_left(found, first) : bisect_left(found, end)]
        wanted: Iterable[int] = found if cursors.ending_before else reversed(found)
        if hidden:
            wanted = (index for index in wanted if index not in hidden)
        if query.filters:
            wanted = (i for i in wanted if self.source.matches(i, query.filters, now))
        indexes = list(islice(wanted, cursors.limit + 1))
        has_more = len(indexes) > cursors.limit
        indexes = indexes[: cursors.limit]
        if cursors.ending_before:
            indexes.reverse()
        return indexes, has_more

    def _known(self, session_id: str, now: int, param: str = "session") -> int:
        """The index of a session that can be seen."""
        index = self.source.index_of(session_id)
        end, hidden = self.source.horizon(now)
        if index is None or index >= end or index in hidden:
            status = 404 if param == "session" else 400
            raise no_such("checkout.session", session_id, param=param, status=status)
        return index

    def _body(self, index: int, expand: Expand, now: int) -> bytes:
        body = self.source.body(index, now)
        if index in self._edits:
            metadata = json.dumps(self._edits[index], separators=(",", ":"))
            body = replaced(body, {"metadata": metadata})
        if expand.ids:
            body = _with_objects(body, expand.ids)
        if not expand.line_items:
            return body.encode()
        items = self.source.line_items(index, now, FIRST_LINE_ITEMS + 1)
        rows = ",".join(items[:FIRST_LINE_ITEMS]).encode()
        page = Page([rows], len(items) > FIRST_LINE_ITEMS)
        lines = listing(page, f"/v1/checkout/sessions/{self.source.id_of(index)}/line_items")
        return b'%b,"line_items":%b}' % (body.encode().rstrip()[:-1], lines)


def listing(page: Page, url: str) -> bytes:
    """A page as Stripe's list object, as JSON.

    Rows are bytes, since one wide character would make the whole page's text four times as big.
    """
    return b'{"object":"list","data":[%b],"has_more":%b,"url":%b}' % (
        b",".join(page.rows),
        b"true" if page.has_more else b"false",
        msgspec.json.encode(url),
    )


def same(session: Mapping[str, Any], path: tuple[str, ...], wanted: str) -> bool:
    """Whether a session has this value at this path; an expanded object counts as its id."""
    value: Any = session
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = value.get("id")
    return bool(value == wanted)


def _with_objects(body: str, names: frozenset[str]) -> str:
    """A session with objects in place of the ids under these names."""
    found = {member.name: member.value for member in members(body)}
    livemode = found.get("livemode", False)
    return replaced(
        body,
        {
            name: json.dumps({"id": found[name], "object": OBJECTS[name], "livemode": livemode})
            for name in names
            if isinstance(found.get(name), str)
        },
    )


def _has_id(item: str, wanted: str) -> bool:
    if wanted not in item:  # which costs little
        return False
    value = json.loads(item)
    return isinstance(value, dict) and value.get("id") == wanted
