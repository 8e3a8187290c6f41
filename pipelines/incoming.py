"""What a load's windows bring, put together: each session once, and only what can be stored."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw

from pipelines.batches import Batch, Drift, Head, Reject
from pipelines.children import CHILDREN, LINE_ITEMS
from pipelines.columns import Kind, Table
from pipelines.queries import query

_TEXT, _NUMBER = Kind.TEXT.arrow, Kind.INTEGER.arrow
_REJECTED = pa.schema(
    [
        ("id", _TEXT),
        ("created", _NUMBER),
        ("reason", _TEXT),
        ("payload", _TEXT),
        ("observed_at", _NUMBER),
        ("status", _TEXT),
        ("payment_status", _TEXT),
        ("mode", _TEXT),
    ]
)
_DRIFTING = pa.schema([("id", _TEXT), ("path", _TEXT), ("type", _TEXT), ("observed_at", _NUMBER)])


@dataclass(frozen=True)
class Incoming:
    """The sessions of all windows of a load: the newest observation of each.

    Attributes:
        sessions: one row a session.
        children: the rows of every child table, by the table's name.
        rejected: one row a session that can't be stored.
        drift: what the columns don't know.
    """

    sessions: pa.Table
    children: Mapping[str, pa.Table]
    rejected: pa.Table
    drift: pa.Table

    @property
    def empty(self) -> bool:
        """Whether the API returned no session at all."""
        return not self.sessions.num_rows and not self.rejected.num_rows

    @property
    def bounds(self) -> tuple[int, int]:
        """When the oldest and the newest session were created, epoch seconds."""
        created = _list(self.sessions["created"].cast(pa.int64()))
        return (min(created), max(created)) if created else (0, 0)

    @property
    def returned(self) -> pa.Table:
        """Id and API time of every session that the API returned."""
        sessions = self.sessions.select(["id", "observed_at"])
        sessions = sessions.set_column(1, "observed_at", sessions["observed_at"].cast(pa.int64()))
        return pa.concat_tables([sessions, self.rejected.select(["id", "observed_at"])])

    @property
    def tables(self) -> dict[str, pa.Table]:
        """The tables by the names that the SQL knows them under."""
        children = {
            name.replace("checkout_session_", "incoming_"): rows
            for name, rows in self.children.items()
        }
        return {
            "incoming": self.sessions,
            **children,
            "rejected": self.rejected,
            "returned": self.returned,
            "drifting": self.drift,
        }


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> Iterator[None]:
    """Give Arrow tables a name for as long as a block runs."""
    for name, table in tables.items():
        connection.register(name, table)
    yield
    # After a failure the transaction is lost, and the connection goes with it.
    for name in tables:
        connection.unregister(name)


@contextmanager
def streamed(connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> Iterator[None]:
    """Give Arrow tables a name under which each can be read once, and let go of what was read.

    Until a transaction ends DuckDB keeps whatever was registered in it, so that tables would add up
    in one that takes many parts. Each part of a table needs Python's lock, which takes long where
    other threads want it too.
    """
    readers = {
        name: pa.RecordBatchReader.from_batches(table.schema, _emptied(table.to_batches()))
        for name, table in tables.items()
    }
    for name, reader in readers.items():
        connection.register(name, reader)
    yield
    for name in readers:
        connection.unregister(name)


def gather(
    connection: duckdb.DuckDBPyConnection,
    batches: Sequence[Batch],
    naming: Callable[..., AbstractContextManager[None]] = registered,
) -> Incoming:
    """Put the windows' sessions together; what DuckDB can't hold becomes a reject.

    Args:
        connection: an open connection.
        batches: the windows' sessions.
        naming: how tables are given a name meanwhile, `registered` or `streamed`.
    """
    batches = _each_once(batches)
    sessions = pa.concat_tables([batch.sessions for batch in batches])
    items = _rows(batches, LINE_ITEMS)
    with naming(connection, incoming=sessions, incoming_line_items=items):
        invalid = {id_ for (id_,) in connection.execute(query("load/invalid")).fetchall()}
    if invalid:
        batches = [_without_invalid(batch, invalid) for batch in batches]
        sessions = pa.concat_tables([batch.sessions for batch in batches])
    rejected = [_reject_row(reject, at) for batch in batches for reject, at in batch.rejects]
    return Incoming(
        sessions,
        {table.name: _rows(batches, table) for table in CHILDREN},
        pa.Table.from_pylist(rejected, _REJECTED),
        drifting([found for batch in batches for found in batch.drift]),
    )


def drifting(found: Sequence[Drift]) -> pa.Table:
    """Return what the columns don't know as a table."""
    return pa.Table.from_pylist([one._asdict() for one in found], _DRIFTING)


def _emptied(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while batches:
        yield batches.pop(0)


def _each_once(batches: Sequence[Batch]) -> list[Batch]:
    """Leave each session only to the batch that saw it last; windows hardly ever overlap."""
    seen: dict[str, tuple[int, int]] = {}
    twice = False
    for number, batch in enumerate(batches):
        ids = _list(batch.sessions["id"])
        found = zip(ids, _list(batch.sessions["observed_at"].cast(pa.int64())), strict=True)
        rejected = ((reject.head.id, at) for reject, at in batch.rejects)
        for id_, at in (*found, *rejected):
            twice = twice or id_ in seen
            seen[id_] = max(seen.get(id_, (at, number)), (at, number))
    if not twice:
        return list(batches)
    return [
        batch.without({id_ for id_, (_, last) in seen.items() if last != number})
        for number, batch in enumerate(batches)
    ]


def _list(column: "pa.ChunkedArray[Any]") -> list[Any]:
    return column.to_pylist()


def _rows(batches: Sequence[Batch], table: Table) -> pa.Table:
    found = [batch.children[table.name] for batch in batches if table.name in batch.children]
    return pa.concat_tables(found) if found else table.rows.empty_table()


def _without_invalid(batch: Batch, invalid: set[str]) -> Batch:
    ids = pa.array(sorted(invalid), pa.string())
    rows = batch.sessions.filter(pc.is_in(batch.sessions["id"], ids)).to_pylist()
    kept = batch.without(invalid)
    return replace(kept, rejects=[*kept.rejects, *map(_refused, rows)])


def _refused(row: Mapping[str, Any]) -> tuple[Reject, int]:
    """Make a reject of a session's row."""
    head = Head(
        row["id"],
        "checkout.session",
        int(row["created"].timestamp()),
        status=_raw(row["status"]),
        payment_status=_raw(row["payment_status"]),
        mode=_raw(row["mode"]),
    )
    reject = Reject(head, "DuckDB doesn't accept its JSON", row["payload"].encode())
    return reject, int(row["observed_at"].timestamp())


def _reject_row(reject: Reject, at: int) -> dict[str, Any]:
    head = reject.head
    return {
        "id": head.id,
        "created": head.created,
        "reason": reject.reason,
        "payload": reject.payload.decode(errors="replace"),
        "observed_at": at,
        "status": _text(head.status),
        "payment_status": _text(head.payment_status),
        "mode": _text(head.mode),
    }


def _raw(text: str | None) -> Raw:
    return Raw(msgspec.json.encode(text))


def _text(value: Raw) -> str | None:
    """Return a JSON text, None where it is none."""
    text = bytes(value)
    return msgspec.json.decode(text, type=str) if text.startswith(b'"') else None
