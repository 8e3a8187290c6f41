"""A page's sessions to columns: JSON -> typed structs -> one Arrow table.

The structs are made from the schema's paths. A session that doesn't fit them is set aside alone,
with a reason, and the others of its page go on. Pure: no time, no input or output.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta, Raw, Struct

from pipelines import payload
from pipelines.columns import Column, Kind
from pipelines.schema import SESSIONS

# Many threads make columns, and the default pool keeps what each has freed: twice the memory.
pa.set_memory_pool(pa.system_memory_pool())

# DuckDB's TIMESTAMPTZ counts microseconds in 64 bits, from 290309-12-22 BC on.
EARLIEST_S, LATEST_S = -9_223_372_022_400, 2**63 // 1_000_000 - 1

_Id = Annotated[str, Meta(min_length=1)]
_Time = Annotated[int, Meta(ge=EARLIEST_S, le=LATEST_S)]
_Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Expanded(Struct, gc=False):
    """An object sent in place of its id."""

    id: str


class Head(Struct, gc=False):
    """What every session must have for the page to be believed."""

    id: _Id
    object: Literal["checkout.session"]
    created: _Time
    livemode: bool | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One decoded session: its typed fields and its payload."""

    head: Any
    payload: bytes


@dataclass(frozen=True, slots=True)
class Reject:
    """One session that has no place in the columns, with the reason."""

    head: Head
    reason: str
    payload: bytes


@dataclass(slots=True)
class Batch:
    """Sessions as columns, one row a session, and those that have no place in them.

    Attributes:
        sessions: the schema's fields, `payload` and `observed_at`.
        rejects: the sessions set aside.
    """

    sessions: pa.Table
    rejects: list[tuple[Reject, int]] = field(default_factory=list)


def decode(raws: Iterable[Raw]) -> list[Session | Reject]:
    """Decode a page's sessions, in the page's order.

    Raises:
        ValueError: an element is no session with an id and a `created` time.
    """
    return [_decode(raw) for raw in raws]


def to_batch(seen: Sequence[tuple[Session | Reject, int]]) -> Batch:
    """Lay sessions out as columns.

    Args:
        seen: each session with the API time of its response, epoch seconds.
    """
    kept = [(item, at) for item, at in seen if isinstance(item, Session)]
    rows = [item.head for item, _ in kept]
    columns: dict[str, pa.Array[Any]] = {}
    parents = {"": rows}
    for path, parent, name in _OBJECTS:
        parents[path] = _children(parents[parent], name, _EMPTY[path])
        if path in _OLDER:
            older = _children(rows, _OLDER[path], _EMPTY[path])
            empty = _EMPTY[path]
            parents[path] = [
                n if n is not empty else o for n, o in zip(parents[path], older, strict=True)
            ]
    for column, parent, name in _LEAVES:
        values = list(map(attrgetter(name), parents[parent]))
        convert = _CONVERT.get(column.kind)
        if convert is not None:
            values = [convert(value) for value in values]
        columns[column.name] = pa.array(values, type=column.kind.arrow)
    columns["payload"] = pa.array([item.payload for item, _ in kept], type=pa.string())
    columns["observed_at"] = pa.array([at for _, at in kept], type=Kind.TIME.arrow)
    rejects = [(item, at) for item, at in seen if isinstance(item, Reject)]
    return Batch(pa.table(columns), rejects)


def join(batches: Sequence[Batch], after: int) -> Batch:
    """Return the pages of a window as one batch, without what was created at `after` or before."""
    sessions = pa.concat_tables([batch.sessions for batch in batches])
    bound = pa.scalar(after, type=Kind.TIME.arrow)
    inside = pc.greater(sessions.column("created"), bound)
    rejects = [(r, at) for batch in batches for r, at in batch.rejects if r.head.created > after]
    return Batch(sessions.filter(inside), rejects)


def _decode(raw: Raw) -> Session | Reject:
    text = bytes(raw)
    try:
        kept = payload.scrub(text)
        return Session(_decoder.decode(text), kept)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        reason = str(error)
    # Half a surrogate pair anywhere would hide the head too.
    text = payload.without_surrogates(text)
    try:
        return Reject(_head_decoder.decode(text), reason, _scrubbed(text))
    except (ValueError, RecursionError):
        what = "an element that is no checkout session with an id and a created time"
        raise ValueError(what) from None


def _scrubbed(text: bytes) -> bytes:
    """Return a rejected session's JSON for inspection; nothing if it can't be searched."""
    try:
        return payload.scrub(text)
    except RecursionError:
        return b""


def _children(parents: Sequence[Any], name: str, empty: Any) -> list[Any]:
    return [child or empty for child in map(attrgetter(name), parents)]


def _id(value: str | Expanded | None) -> str | None:
    return value.id if isinstance(value, Expanded) else value


def _ids(values: list[str | Expanded] | None) -> list[str | None] | None:
    return None if values is None else [_id(value) for value in values]


def _json(value: Raw) -> bytes | None:
    text = bytes(value)
    return None if text == b"null" else text


def _map(value: dict[str, str] | None) -> list[tuple[str, str]] | None:
    return None if value is None else list(value.items())


_CONVERT: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: _id,
    Kind.IDS: _ids,
    Kind.JSON: _json,
    Kind.MAP: _map,
}

_NULL = Raw(b"null")
_TYPE: dict[Kind, tuple[Any, Any]] = {
    Kind.TEXT: (str | None, None),
    Kind.ID: (str | Expanded | None, None),
    Kind.INTEGER: (_Integer | None, None),
    Kind.MINOR: (_Integer | None, None),
    Kind.DECIMAL: (str | None, None),
    Kind.BOOLEAN: (bool | None, None),
    Kind.TIME: (_Time | None, None),
    Kind.TEXTS: (list[str] | None, None),
    Kind.IDS: (list[str | Expanded] | None, None),
    Kind.MAP: (dict[str, str] | None, None),
    Kind.JSON: (Raw, _NULL),
}
_REQUIRED = {"id": _Id, "object": Literal["checkout.session"], "created": _Time}

_OBJECTS: list[tuple[str, str, str]] = []
"""Nested objects: path, path of the parent, name in it; parents first."""
_LEAVES: list[tuple[Column, str, str]] = []
"""Columns: the column, path of the object that has it, name in it."""
_EMPTY: dict[str, Any] = {}
"""What stands for an object that is null: all its fields null."""
_OLDER = {today: older for older, today in SESSIONS.older.items()}


def _build(path: str, fields: Sequence[tuple[tuple[str, ...], Column]]) -> type[Struct]:
    """Make the struct for the object at `path`, and those inside it, from the columns' paths."""
    members: list[tuple[str, Any, Any]] = []
    inner: dict[str, list[tuple[tuple[str, ...], Column]]] = {}
    for (name, *rest), column in fields:
        if rest:
            inner.setdefault(name, []).append((tuple(rest), column))
        elif column.path in _REQUIRED:
            members.append((name, _REQUIRED[column.path], msgspec.NODEFAULT))
            _LEAVES.append((column, path, name))
        else:
            members.append((name, *_TYPE[column.kind]))
            _LEAVES.append((column, path, name))
    for name, below in inner.items():
        child = f"{path}.{name}" if path else name
        _OBJECTS.append((child, path, name))
        kind = _build(child, below)
        _EMPTY[child] = kind()
        members.append((name, kind | None, None))
        if child in _OLDER:
            _OLDER_TYPES[_OLDER[child]] = kind
    if not path:
        members += [(name, kind | None, None) for name, kind in _OLDER_TYPES.items()]
    return msgspec.defstruct(
        path.title().replace(".", "").replace("_", "") or "CheckoutSession",
        [m[:2] if m[2] is msgspec.NODEFAULT else m for m in members],
        kw_only=True,
        gc=False,
    )


_OLDER_TYPES: dict[str, type[Struct]] = {}
_decoder = msgspec.json.Decoder(
    _build("", [(tuple(column.path.split(".")), column) for column in SESSIONS.fields])
)
_head_decoder = msgspec.json.Decoder(Head)
