"""All columns anew from the stored payloads, without the API, in bounded memory.

The tables are made anew beside the old ones and filled in parts, all inside the caller's
transaction. So a column that only a newer program knows is filled from what was read long ago.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw

from pipelines import layout, load
from pipelines.batches import Drift, Elements, Owner, Reject
from pipelines.children import CHILDREN, LINE_ITEMS
from pipelines.columns import ADDED
from pipelines.flatten import Flattener, Session
from pipelines.incoming import drifting, gather, registered, streamed
from pipelines.load import Origin
from pipelines.places import Place
from pipelines.privacy import NOTHING, Protection
from pipelines.queries import query
from pipelines.schema import SESSIONS

ROWS = 4_000
"""Rows that are in memory at a time."""
# What is known of a session besides its payload.
_KEPT = (*ADDED, "observed_at", "line_items_complete")

Tell = Callable[[float], None]
"""Is told which share of the rows is done, 0 to 1."""


@dataclass(frozen=True)
class Rebuilt:
    """What was made anew.

    Attributes:
        sessions: sessions in the table.
        line_items: line items in theirs.
        loaded: sessions that were rejected before and have their place now.
        rejected: sessions that have none.
    """

    sessions: int
    line_items: int
    loaded: int
    rejected: int


def rebuild(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    tell: Tell = lambda _: None,
    protection: Protection = NOTHING,
) -> Rebuilt:
    """Make sessions, their children and the drift anew, and try the rejects again.

    Args:
        connection: a connection with an open transaction.
        place: where the warehouse lives.
        tell: is told how far it is.
        protection: what is taken out, of the history too.
    """
    forgotten = {id_ for (id_,) in connection.execute(query("state/forgotten")).fetchall()}
    flattener = Flattener(protection=protection, forgotten=forgotten)
    connection.execute(query("reflatten/set_aside"))
    for table in (SESSIONS, *CHILDREN):
        place.define(connection, layout.create(table))
        place.define(connection, layout.comments(table))
    place.arrange(connection)
    ((sessions, items, versions),) = connection.execute(query("reflatten/extent")).fetchall()
    for rows, end in _parts(connection, "reflatten/sessions", sessions):
        _rebuild_sessions(connection, flattener, rows)
        tell(end / (sessions + items))
    for rows, end in _parts(connection, "reflatten/line_items", items):
        _rebuild_items(connection, flattener, rows)
        tell((sessions + end) / (sessions + items))
    connection.execute(query("reflatten/replace"))
    if protection.redact is not None or forgotten:
        _redact_history(connection, flattener, versions)
    *_, before = _counts(connection)
    _retry_rejects(connection, flattener, protection)
    connection.execute(query("reflatten/note_privacy"), {"privacy": protection.fingerprint})
    connection.execute(query("reflatten/note_partial"))
    sessions, items, rejected = _counts(connection)
    return Rebuilt(sessions, items, before - rejected, rejected)


def _counts(connection: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    ((sessions, items, rejects),) = connection.execute(query("reflatten/counts")).fetchall()
    return sessions, items, rejects


def _parts(
    connection: duckdb.DuckDBPyConnection, name: str, extent: int
) -> Iterator[tuple[pa.Table, int]]:
    """Give a table's rows in parts, one account each, with where in the table the part ends."""
    for first in range(0, extent, ROWS):
        end = min(extent, first + ROWS)
        relation = connection.sql(query(name), params={"first": first, "end": end})
        rows: pa.Table = relation.to_arrow_table()
        for account in pc.unique(rows["account"]):
            yield rows.filter(pc.equal(rows["account"], account)), end


def _rebuild_sessions(
    connection: duckdb.DuckDBPyConnection, flattener: Flattener, rows: pa.Table
) -> None:
    account = {"account": _list(rows["account"])[0]}
    observed = [at // 1_000_000 for at in _list(rows["observed_at"].cast(pa.int64()))]
    items = flattener.decode([Raw(text.encode()) for text in _list(rows["payload"])])
    batch = flattener.to_batch(list(zip(items, observed, strict=True)))
    incoming = gather(connection, [batch], streamed)
    fits = pa.array([isinstance(item, Session) for item in items])
    sessions = incoming.sessions
    for name in _KEPT:
        if name in sessions.column_names:
            sessions = sessions.drop_columns([name])
        sessions = sessions.append_column(name, rows[name].filter(fits))
    connection.execute(query("reflatten/account"), account)
    with streamed(connection, **incoming.tables | {"incoming": sessions}):
        connection.execute(query("reflatten/insert_sessions"))
        connection.execute(query("reflatten/add_drift"), account)
    unfit = rows.filter(pc.invert(fits)).select(["account", "run_id", "api_version"])
    if unfit.num_rows:
        for name in ("id", "created", "reason", "payload", "observed_at"):
            unfit = unfit.append_column(name, incoming.rejected[name])
        with streamed(connection, unfit=unfit):
            connection.execute(query("reflatten/insert_unfit"))


def _rebuild_items(
    connection: duckdb.DuckDBPyConnection, flattener: Flattener, rows: pa.Table
) -> None:
    account = {"account": _list(rows["account"])[0]}
    lists: list[Elements] = []
    drift: list[Drift] = []
    lost: set[str] = set()
    for row in rows.to_pylist():
        owner = Owner(row["session_id"], row["session_created"], row["observed_at"])
        raws = [row["payload"].encode()]
        try:
            elements, odd = flattener.elements(LINE_ITEMS, owner, raws, row["position"])
        except ValueError:
            lost.add(owner.id)
            continue
        lists.append(elements)
        drift += odd
    items, found = flattener.rows(LINE_ITEMS, lists)
    with streamed(connection, incoming_line_items=items, drifting=drifting([*drift, *found])):
        connection.execute(query("reflatten/insert_line_items"), account)
        connection.execute(query("reflatten/add_drift"), account)
    if lost:
        connection.execute(query("reflatten/lose_items"), account | {"ids": sorted(lost)})


def _redact_history(
    connection: duckdb.DuckDBPyConnection, flattener: Flattener, extent: int
) -> None:
    for first in range(0, extent, ROWS):
        part = {"first": first, "end": first + ROWS}
        rows = connection.execute(query("reflatten/history"), part).fetchall()
        kept = [
            (place, text, flattener.kept(text.encode(), id_).decode()) for place, id_, text in rows
        ]
        changed = [(place, new) for place, text, new in kept if new != text]
        places, texts = zip(*changed, strict=True) if changed else ((), ())
        redacted = pa.table(
            {"place": pa.array(places, pa.int64()), "payload": pa.array(texts, pa.string())}
        )
        with registered(connection, redacted=redacted):
            connection.execute(query("reflatten/replace_history"))


def _retry_rejects(
    connection: duckdb.DuckDBPyConnection, flattener: Flattener, protection: Protection
) -> None:
    rows = connection.execute(query("reflatten/rejects")).fetchall()
    for key, group in groupby(rows, key=lambda row: row[:3]):
        seen = [
            (item, observed_at)
            for *_, text, observed_at in group
            for item in _readable(flattener, text)
        ]
        incoming = gather(connection, [flattener.to_batch(seen)])
        with registered(connection, **incoming.tables):
            load.store(connection, Origin(*key), incoming, protection)


def _readable(flattener: Flattener, text: str) -> list[Session | Reject]:
    """Decode a rejected session; nothing if too little of it was kept."""
    try:
        return flattener.decode([Raw(text.encode())])
    except ValueError:
        return []


def _list(column: "pa.ChunkedArray[Any]") -> list[Any]:
    return column.to_pylist()
