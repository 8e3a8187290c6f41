"""A page's sessions to columns: JSON -> typed structs -> Arrow tables, one for each table.

A session that doesn't fit is set aside alone, with a reason, and the others of its page go on.
Pure: no time, no input or output.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import msgspec
import pyarrow as pa
from msgspec import Raw, Struct

from pipelines import nesting, payload, privacy
from pipelines.batches import Batch, Drift, Elements, Head, Id, Owner, Reject
from pipelines.children import CHILDREN, LINE_ITEMS, PARTS
from pipelines.columns import Table
from pipelines.privacy import NOTHING, Protection
from pipelines.schema import SESSIONS
from pipelines.shapes import Shape, Spec, Time, mistyped, unknown_name

# Many threads make columns, and the default pool keeps what each has freed: twice the memory.
pa.set_memory_pool(pa.system_memory_pool())

UNSAID = "unknown"
"""Said of a type that wasn't looked at."""

_S = TypeVar("_S")
_T = TypeVar("_T")


class _ItemList(Struct, gc=False):
    data: list[Raw]
    has_more: bool = True  # where that isn't said, the API is asked


class Session(Struct, gc=False):
    """One decoded session.

    Attributes:
        head: its typed fields.
        payload: its JSON as it is kept.
        children: its lists' elements by table: typed, and as received.
        complete: whether all its line items are here; None if none were sent.
        odd: paths that the columns don't know, with names that no struct can have.
    """

    head: Any
    payload: bytes
    children: dict[Table, tuple[list[Any], Sequence[Raw]]] = {}
    complete: bool | None = None
    odd: list[str] = []

    @property
    def livemode(self) -> bool | None:
        """Its mode, None where that isn't said."""
        mode: bool | None = self.head.livemode
        return mode


class Flattener:
    """Decodes sessions and lays them out; threads may share one.

    Args:
        line_items: whether the sessions' line items are taken.
        protection: what is taken out before columns and payload are made.
        forgotten: ids of sessions whose personal fields stay empty.
    """

    def __init__(
        self,
        *,
        line_items: bool = True,
        protection: Protection = NOTHING,
        forgotten: Collection[str] = (),
    ) -> None:
        self._line_items = line_items
        self._redact = protection.redact
        self._forgotten = forgotten
        self._shapes = dict(_SHAPES)
        self._lock = threading.Lock()

    def decode(self, raws: Iterable[Raw]) -> list[Session | Reject]:
        """Decode a page's sessions, in the page's order.

        Raises:
            ValueError: an element is no session with an id and a `created` time.
        """
        return [self._session_or_reject(bytes(raw)) for raw in raws]

    def to_batch(self, seen: Sequence[tuple[Session | Reject, int]]) -> Batch:
        """Lay sessions out as columns.

        Args:
            seen: each session with the API time of its response, epoch seconds.
        """
        kept = [(item, at) for item, at in seen if isinstance(item, Session)]
        rejects = [(item, at) for item, at in seen if isinstance(item, Reject)]
        laid = self._shapes[SESSIONS].lay_out([item.head for item, _ in kept])
        values = laid.values
        values["payload"] = [item.payload for item, _ in kept]
        values["observed_at"] = [at for _, at in kept]
        values["line_items_complete"] = [item.complete for item, _ in kept]
        drift = [
            Drift(kept[index][0].head.id, kept[index][0].head.created, path, type_, kept[index][1])
            for index, path, type_ in laid.unknown
        ]
        for item, at in kept:
            drift += [Drift(item.head.id, item.head.created, p, UNSAID, at) for p in item.odd]
        for reject, at in rejects:
            if (where := mistyped(reject.reason)) is not None:
                drift.append(Drift(reject.head.id, reject.head.created, *where, at))
        batch = Batch(SESSIONS.to_arrow(values), {}, rejects, drift)
        for table in CHILDREN:
            lists = [
                Elements(Owner(item.head.id, item.head.created, at), *item.children[table])
                for item, at in kept
                if table in item.children
            ]
            if lists:
                batch.children[table.name], found = self.rows(table, lists)
                drift += found
        return batch

    def elements(
        self, table: Table, owner: Owner, raws: Iterable[bytes], first: int = 0
    ) -> tuple[Elements, list[Drift]]:
        """Decode elements of a session's list that have a table of their own.

        Args:
            table: the table.
            owner: the session.
            raws: each one's JSON.
            first: the first one's position in the session's list.

        Raises:
            ValueError: one has no place in the columns.
        """
        kept = self._kept_elements(table, map(payload.without_secret, raws), owner.id)
        typed, odd = self._elements(table, kept)
        drift = [Drift(owner.id, owner.created, path, UNSAID, owner.at) for path in odd]
        return Elements(owner, typed, kept, first), drift

    def rows(self, table: Table, lists: Sequence[Elements]) -> tuple[pa.Table, list[Drift]]:
        """Lay out the elements of sessions' lists as rows of their table."""
        laid = self._shapes[table].lay_out([element for one in lists for element in one.typed])
        owners = [one.owner for one in lists for _ in one.typed]
        positions = [one.first + n for one in lists for n in range(len(one.typed))]
        values = laid.values
        values["session_id"] = [owner.id for owner in owners]
        values["session_created"] = [owner.created for owner in owners]
        values["position"] = positions
        values["payload"] = [bytes(raw) for one in lists for raw in one.raws]
        values["observed_at"] = [owner.at for owner in owners]
        drift = [
            Drift(owners[index].id, owners[index].created, path, type_, owners[index].at)
            for index, path, type_ in laid.unknown
        ]
        return table.to_arrow(values), [
            found._replace(path=f"{table.source}[].{found.path}") for found in drift
        ]

    def kept(self, text: bytes, id_: str, path: str = "") -> bytes:
        """Return a session's JSON, or that of a path in it, without what must not be stored."""
        if self._redact is not None:
            text = self._redact(text, path)
        if privacy.BLANK is not None and id_ in self._forgotten:
            text = privacy.BLANK(text, path)
        return text

    def set_aside(self, text: bytes, reason: str) -> Reject:
        """Return a session, which has no place in the columns, with the reason.

        Raises:
            ValueError: it is no session with an id and a `created` time.
        """
        # Half a surrogate pair, or deep nesting, would hide the head too.
        head = _head_decoder.decode(nesting.shallow(payload.without_surrogates(text)))
        return Reject(head, reason, self._for_inspection(text, head.id))

    def _session_or_reject(self, text: bytes) -> Session | Reject:
        try:
            return self._session(text)
        except RecursionError:
            reason = "it is nested too deep"
        except ValueError as error:  # msgspec's errors are among them
            reason = str(error)
        try:
            return self.set_aside(text, reason)
        except (ValueError, RecursionError):
            what = "an element that is no checkout session with an id and a created time"
            raise ValueError(what) from None

    def _session(self, text: bytes) -> Session:
        kept, items = payload.split(text)
        id_ = _head_decoder.decode(kept).id if self._forgotten else ""
        kept = self.kept(kept, id_)
        (head,), odd = self._typed(SESSIONS, [kept])
        session = Session(head, kept, odd=odd)
        for table, listed in _parts(head):
            self._take(session, table, listed)
        if items is None or not self._line_items:
            return session
        session.complete = True
        if items != b"null":
            found = _within("line_items", _item_list.decode, items)
            session.complete = not found.has_more
            raws = found.data
            if self._redact is not None or id_:
                raws = self._kept_elements(LINE_ITEMS, map(bytes, raws), id_)
            self._take(session, LINE_ITEMS, raws)
        return session

    def _kept_elements(self, table: Table, raws: Iterable[bytes], id_: str) -> list[Raw]:
        return [Raw(self.kept(raw, id_, table.source)) for raw in raws]

    def _take(self, session: Session, table: Table, raws: Sequence[Raw]) -> None:
        if raws:
            typed, odd = self._elements(table, raws)
            session.children[table] = (typed, raws)
            session.odd.extend(odd)

    def _elements(self, table: Table, raws: Sequence[Raw]) -> tuple[list[Any], list[str]]:
        typed, odd = _within(f"{table.source}[]", partial(self._typed, table), raws)
        return typed, [f"{table.source}[].{path}" for path in odd]

    def _typed(self, table: Table, texts: Sequence[bytes | Raw]) -> tuple[list[Any], list[str]]:
        """Decode objects, and return the names that can't be learned too."""
        while True:
            shape = self._shapes[table]
            try:
                return [shape.decode(text) for text in texts], []
            except msgspec.ValidationError as error:
                name = unknown_name(error)
                if name is None:
                    raise
            if not name.can_be_learned:
                return [shape.lenient.decode(text) for text in texts], [name.path]
            with self._lock:
                if self._shapes[table] is shape:
                    self._shapes[table] = shape.taking(name)

    def _for_inspection(self, text: bytes, id_: str) -> bytes:
        """Return a rejected session's JSON, line items too; nothing if it can't be searched."""
        try:
            kept = self.kept(payload.without_secret(payload.guarded(text)), id_)
            return payload.unguarded(kept)
        except (ValueError, RecursionError):
            return b""


def _parts(head: Any) -> Iterator[tuple[Table, Sequence[Raw]]]:
    """Yield a decoded session's lists that have elements, each with its table."""
    for table, parent, name in _PARTS:
        holder = getattr(head, parent) if parent else head
        listed = getattr(holder, name) if holder is not None else None
        if listed:
            yield table, listed


def _within(path: str, decode: Callable[[_S], _T], given: _S) -> _T:
    """Decode a part of a session, so that an error's path begins at the session."""
    try:
        return decode(given)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise ValueError(f"{what} - at `$.{path}{where or '`'}") from None


_PARTS = [(table, *table.source.rpartition(".")[::2]) for table in PARTS]
_SHAPES = {
    SESSIONS: Shape(
        Spec(
            SESSIONS,
            {"id": Id, "object": Literal["checkout.session"], "created": Time},
            [table.source for table in PARTS],
        )
    ),
    **{table: Shape(Spec(table)) for table in CHILDREN},
}
_head_decoder = msgspec.json.Decoder(Head)
_item_list = msgspec.json.Decoder(_ItemList)
