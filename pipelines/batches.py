"""Sessions on their way: what pages, windows and loads hand on to each other; pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta, Raw, Struct

from pipelines.columns import Kind
from pipelines.shapes import Time

Id = Annotated[str, Meta(min_length=1)]
_NONE = Raw(b"null")


class Head(Struct, gc=False):
    """What every session must have for the page to be believed, and its state as received."""

    id: Id
    object: Literal["checkout.session"]
    created: Time
    livemode: Raw = _NONE
    status: Raw = _NONE
    payment_status: Raw = _NONE
    mode: Raw = _NONE


@dataclass(frozen=True, slots=True)
class Reject:
    """One session that has no place in the columns, with the reason."""

    head: Head
    reason: str
    payload: bytes

    @property
    def livemode(self) -> bool | None:
        """Its mode, None where that isn't said, or is no boolean."""
        return {b"true": True, b"false": False}.get(bytes(self.head.livemode))


class Drift(NamedTuple):
    """Something that the columns don't know: where, its JSON type, in which session."""

    id: str
    created: int
    path: str
    type: str
    observed_at: int


class Owner(NamedTuple):
    """The session that a list's elements belong to, and the API time of its response."""

    id: str
    created: int
    at: int


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements of one session's list, typed and as received; `first` is the first's position."""

    owner: Owner
    typed: Sequence[Any]
    raws: Sequence[Raw]
    first: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Sessions as columns, one row a session, and those that have no place in them.

    Attributes:
        sessions: the schema's fields, `payload`, `observed_at` and `line_items_complete`.
        children: the rows of each child table that has any, by the table's name.
        rejects: the sessions set aside, each with the API time of its response.
        drift: what the columns don't know.
    """

    sessions: pa.Table
    children: dict[str, pa.Table] = field(default_factory=dict)
    rejects: list[tuple[Reject, int]] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """How much its rows take."""
        return sum(rows.nbytes for rows in (self.sessions, *self.children.values()))

    def without(self, ids: Collection[str]) -> "Batch":
        """Return the batch without some of its sessions."""
        gone = pa.array(sorted(ids), pa.string())
        return Batch(
            self.sessions.filter(pc.invert(pc.is_in(self.sessions["id"], gone))),
            {
                name: rows.filter(pc.invert(pc.is_in(rows["session_id"], gone)))
                for name, rows in self.children.items()
            },
            [(reject, at) for reject, at in self.rejects if reject.head.id not in ids],
            [found for found in self.drift if found.id not in ids],
        )


def join(batches: Sequence[Batch], after: int) -> Batch:
    """Return the pages of a window as one batch, without what was created at `after` or before."""
    names = {name for batch in batches for name in batch.children}
    children = {
        name: [batch.children[name] for batch in batches if name in batch.children]
        for name in sorted(names)
    }
    return Batch(
        _newer([batch.sessions for batch in batches], "created", after),
        {name: _newer(pages, "session_created", after) for name, pages in children.items()},
        [(r, at) for batch in batches for r, at in batch.rejects if r.head.created > after],
        [found for batch in batches for found in batch.drift if found.created > after],
    )


def _newer(pages: Sequence[pa.Table], column: str, after: int) -> pa.Table:
    """Return the first of pages' rows, which are newest first, with each column in one piece.

    DuckDB takes a third longer for pieces of two pages.
    """
    rows = pa.concat_tables(pages).combine_chunks()
    newer = pc.greater(rows[column], pa.scalar(after, type=Kind.TIME.arrow))
    end = pc.index(newer, pa.scalar(value=False)).as_py()
    return rows if end < 0 else rows.slice(0, end)
