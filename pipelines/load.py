"""One load: everything that a set of read windows changes, inside one transaction.

The caller owns the connection and the transaction. Rows are matched by `(account, id)` and compared
with what is stored at that moment, so that loads may come in any order and more than once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import payload
from pipelines.flatten import LATEST_S, Batch, Head, Reject
from pipelines.queries import query
from pipelines.windows import Window, merge


@dataclass(frozen=True)
class Read:
    """One window that was read completely.

    Attributes:
        window: its seconds.
        final: what of it counts as covered; None for nothing.
        api_time: API time of the read, epoch seconds.
        batch: its sessions.
    """

    window: Window
    final: Window | None
    api_time: int
    batch: Batch


@dataclass(frozen=True)
class Load:
    """What goes into the warehouse together.

    Attributes:
        account: the account's name.
        run_id: the run that read it.
        api_version: the API version asked for.
        fresh_s: age until which fields of a complete session may be filled in, in seconds.
        late_payment_s: how long a payment may take, in seconds.
        reads: the windows, in the order in which they were read.
        known: the unsettled sessions when the run began: id -> when each was last read.
        account_row: the account's new row in `meta.accounts`.
        timezone: the time zone of the marts' days.
    """

    account: str
    run_id: str
    api_version: str
    fresh_s: int
    late_payment_s: int
    reads: Sequence[Read]
    known: Mapping[str, int]
    account_row: Mapping[str, Any]
    timezone: str = "UTC"


@dataclass(frozen=True)
class Counts:
    """How many windows a load or a run brought, and sessions by what became of them."""

    windows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both."""
        mine, theirs = astuple(self), astuple(other)
        return Counts(*(one + two for one, two in zip(mine, theirs, strict=True)))

    def row(self) -> dict[str, int]:
        """Return the counts by column, with `sessions_read`: distinct sessions."""
        windows, *sessions = astuple(self)
        inserted, updated, unchanged, rejected = sessions
        return {
            "windows": windows,
            "sessions_read": sum(sessions),
            "inserted": inserted,
            "updated": updated,
            "unchanged": unchanged,
            "rejected": rejected,
        }


@dataclass(frozen=True)
class Loaded:
    """What a load brought, and what is covered since, oldest first."""

    counts: Counts
    coverage: Sequence[Window]


@dataclass
class _Incoming:
    """The sessions of all windows of a load: the newest observation of each."""

    sessions: pa.Table
    rejected: dict[str, dict[str, Any]]


def write(connection: duckdb.DuckDBPyConnection, load: Load) -> Loaded:
    """Write a load through an open transaction and return what it brought.

    The sessions that DuckDB can't hold have become rejects by then.
    """
    incoming = _gather(connection, load.reads)
    counts = Counts(windows=len(load.reads), rejected=len(incoming.rejected))
    with _registered(connection, incoming=incoming.sessions):
        _mark_missing(connection, load, incoming)
        if incoming.sessions.num_rows:
            counts += _upsert(connection, load, incoming.sessions)
    _write_rejects(connection, load, incoming)
    coverage = _write_coverage(connection, load)
    _write_account(connection, load)
    return Loaded(counts, coverage)


def write_run(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> None:
    """Write a run's row in place of the one that it had, and end those left behind by a kill."""
    connection.execute(query("load/delete_run"), {"run_id": row["run_id"]})
    connection.execute(query("load/insert_run"), dict(row))
    this = {"account": row["account"], "run_id": row["run_id"]}
    connection.execute(query("load/mark_interrupted"), this)


def _gather(connection: duckdb.DuckDBPyConnection, reads: Sequence[Read]) -> _Incoming:
    """Put the windows' sessions together, each once, without those that can't be stored."""
    sessions = pa.concat_tables([read.batch.sessions for read in reads])
    ids = _values(sessions.column("id"))
    if len(set(ids)) < len(ids):
        # Later responses win; windows of a run don't overlap, so this is rare.
        observed = _values(sessions.column("observed_at"))
        last = {ids[i]: i for i in sorted(range(len(ids)), key=lambda i: (observed[i], i))}
        sessions = sessions.take(sorted(last.values()))
    rejects = [_reject_row(reject, at) for read in reads for reject, at in read.batch.rejects]
    with _registered(connection, incoming=sessions):
        invalid = {id_ for (id_,) in connection.execute(query("load/invalid")).fetchall()}
    if invalid:
        for row in sessions.filter(pc.is_in(sessions["id"], pa.array(invalid))).to_pylist():
            head = Head(row["id"], "checkout.session", int(row["created"].timestamp()))
            reject = Reject(head, "DuckDB doesn't accept its JSON", row["payload"].encode())
            rejects.append(_reject_row(reject, int(row["observed_at"].timestamp())))
        sessions = sessions.filter(pc.invert(pc.is_in(sessions["id"], pa.array(invalid))))
    return _Incoming(sessions, {row["id"]: row for row in rejects})


def _reject_row(reject: Reject, at: int) -> dict[str, Any]:
    return {
        "id": reject.head.id,
        "created": reject.head.created,
        "reason": reject.reason,
        "payload": reject.payload.decode(errors="replace"),
        "observed_at": at,
    }


def _upsert(connection: duckdb.DuckDBPyConnection, load: Load, sessions: pa.Table) -> Counts:
    created = _values(sessions.column("created").cast(pa.int64()))
    bounds = {"account": load.account, "oldest": min(created), "newest": max(created)}
    version = {"api_version": load.api_version}
    connection.execute(query("load/classify"), bounds | version)
    differing = connection.execute(query("load/differing"), bounds).fetchall()
    equal = [id_ for id_, new, old in differing if payload.same(new, old)]
    if equal:
        connection.execute(query("load/confirm_unchanged"), {"ids": equal})
    ((inserted, updated, unchanged),) = connection.execute(query("load/count_verdicts")).fetchall()
    if differing:
        connection.execute(query("load/insert_history"), bounds)
        connection.execute(query("load/delete_changed"), bounds)
    connection.execute(
        query("load/insert_sessions"),
        {"account": load.account, "run_id": load.run_id} | version,
    )
    connection.execute(query("load/clear_missing"), bounds)
    connection.execute(
        query("load/note_reads"),
        {"account": load.account, "late_payment_s": load.late_payment_s, "fresh_s": load.fresh_s},
    )
    connection.execute(query("load/delete_unsettled"), {"account": load.account})
    connection.execute(query("load/insert_unsettled"), {"account": load.account})
    return Counts(inserted=inserted, updated=updated, unchanged=unchanged)


def _mark_missing(connection: duckdb.DuckDBPyConnection, load: Load, incoming: _Incoming) -> None:
    """Mark the stored sessions that a complete read of their second didn't return."""
    windows = pa.table(
        {
            "after": [read.window.after for read in load.reads],
            "until": [read.window.until for read in load.reads],
            "api_time": [read.api_time for read in load.reads],
        }
    )
    bounds = {
        "account": load.account,
        "after": min(read.window.after for read in load.reads),
        "until": min(LATEST_S, max(read.window.until for read in load.reads)),
    }
    returned = [*_values(incoming.sessions.column("id")), *incoming.rejected]
    with _registered(connection, complete_windows=windows, returned=_ids(returned)):
        rows = connection.execute(query("load/find_missing"), bounds).fetchall()
    gone = [row for row in rows if _was_there(load, *row)]
    if not gone:
        return
    table = pa.table(
        {
            "id": [row[0] for row in gone],
            "created": [row[1] for row in gone],
            "api_time": [row[2] for row in gone],
        }
    )
    with _registered(connection, gone=table):
        connection.execute(query("load/mark_missing"), {"account": load.account})
        connection.execute(query("load/forget_missing"), {"account": load.account})


def _was_there(
    load: Load, id_: str, _: int, api_time: int, read_at: int | None, last_seen_at: int
) -> bool:
    """Whether a session was last seen before the read that didn't return it.

    Another run may have seen it meanwhile; within one second only what this run knew at its start
    tells.
    """
    return last_seen_at < api_time or (read_at is not None and load.known.get(id_) == read_at)


def _write_rejects(connection: duckdb.DuckDBPyConnection, load: Load, incoming: _Incoming) -> None:
    account = {"account": load.account}
    returned = [*_values(incoming.sessions.column("id")), *incoming.rejected]
    with _registered(connection, returned=_ids(returned)):
        connection.execute(query("load/delete_rejects"), account)
    if incoming.rejected:
        with _registered(connection, rejected=pa.Table.from_pylist([*incoming.rejected.values()])):
            connection.execute(query("load/insert_rejects"), account | {"run_id": load.run_id})


def _write_coverage(connection: duckdb.DuckDBPyConnection, load: Load) -> list[Window]:
    account = {"account": load.account}
    rows = connection.execute(query("state/coverage"), account).fetchall()
    stored = [Window(*row) for row in rows]
    final = [read.final for read in load.reads if read.final is not None]
    merged = merge([*stored, *final])
    if merged != stored:
        connection.execute(query("load/delete_coverage"), account)
        for window in merged:
            connection.execute(query("load/insert_coverage"), window._asdict() | account)
    return merged


def _write_account(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    connection.execute(query("load/delete_account"), {"account": load.account})
    connection.execute(query("load/insert_account"), dict(load.account_row))
    connection.execute(query("load/update_settings"), {"timezone": load.timezone})


def _values(column: "pa.ChunkedArray[Any]") -> list[Any]:
    return column.to_pylist()


def _ids(ids: Sequence[str]) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.string())})


class _registered:  # noqa: N801 -- reads as a function
    """Arrow tables under a name for as long as a block runs."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> None:
        self._connection = connection
        self._tables = tables

    def __enter__(self) -> None:
        for name, table in self._tables.items():
            self._connection.register(name, table)

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is not None:  # the transaction is lost, and the connection goes with it
            return
        for name in self._tables:
            self._connection.unregister(name)
