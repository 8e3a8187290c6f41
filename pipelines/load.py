"""One load: everything that a set of read windows changes, inside one transaction.

The caller owns the connection and the transaction. Rows are matched by `(account, id)` and compared
with what is stored at that moment, so that loads may come in any order and more than once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import payload
from pipelines.batches import Batch
from pipelines.errors import WarehouseError
from pipelines.incoming import Incoming, gather, registered
from pipelines.privacy import NOTHING, Protection
from pipelines.queries import query
from pipelines.shapes import LATEST_S
from pipelines.windows import Window, hulls, merge

MOST_STRETCHES = 3
"""Stretches of time in which a load looks for what is stored: one more takes as long as a look at
when some 100,000 sessions between two were created."""


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
class Origin:
    """Where sessions come from.

    Attributes:
        account: the account's name.
        run_id: the run that read them.
        api_version: the API version asked for.
    """

    account: str
    run_id: str
    api_version: str


@dataclass(frozen=True)
class Load:
    """What goes into the warehouse together.

    Attributes:
        origin: account, run and API version.
        fresh_s: age until which fields of a complete session may be filled in, in seconds.
        late_payment_s: how long a payment may take, in seconds.
        reads: the windows, in the order in which they were read.
        known: the unsettled sessions when the run began: id -> when each was last read.
        ended: runs that had ended then, in the second of the latest API time.
        account_row: the account's new row in `meta.accounts`.
        timezone: the time zone of the marts' days.
        protection: what was taken out of the sessions.
        forgotten: ids of sessions whose personal fields were left empty.
    """

    origin: Origin
    fresh_s: int
    late_payment_s: int
    reads: Sequence[Read]
    known: Mapping[str, int]
    account_row: Mapping[str, Any]
    ended: Collection[str] = ()
    timezone: str = "UTC"
    protection: Protection = NOTHING
    forgotten: Collection[str] = ()

    @property
    def size_bytes(self) -> int:
        """How much its rows take."""
        return sum(read.batch.size_bytes for read in self.reads)


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


def write(connection: duckdb.DuckDBPyConnection, load: Load) -> Loaded:
    """Write a load through an open transaction and return what it brought.

    The sessions that DuckDB can't hold have become rejects by then.
    """
    _check_forgotten(connection, load)
    incoming = gather(connection, [read.batch for read in load.reads])
    counts = Counts(windows=len(load.reads), rejected=incoming.rejected.num_rows)
    account = load.origin.account
    reads = _table((read.window, read.api_time) for read in load.reads)
    with registered(connection, **incoming.tables, windows_read=reads):
        found = _find_stored(connection, account, [read.window for read in load.reads])
        connection.execute(query("load/forget_rejects"), {"account": account})
        if found:
            _mark_missing(connection, load)
        if not incoming.empty:
            counts += _store(connection, load.origin, incoming, load.protection, found=found)
            _note_reads(connection, load)
    coverage = _write_coverage(connection, load)
    _write_account(connection, load)
    return Loaded(counts, coverage)


def store(
    connection: duckdb.DuckDBPyConnection,
    origin: Origin,
    incoming: Incoming,
    protection: Protection = NOTHING,
) -> Counts:
    """Store sessions, whose tables are registered, and return what became of them."""
    oldest, newest = incoming.bounds
    window = Window(oldest - 1, newest)
    with registered(connection, windows_read=_table([(window, 0)])):
        found = _find_stored(connection, origin.account, [window])
    return _store(connection, origin, incoming, protection, found=found)


def write_run(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> None:
    """Write a run's row in place of the one that it had, and end those left behind by a kill."""
    connection.execute(query("load/delete_run"), {"run_id": row["run_id"]})
    connection.execute(query("load/insert_run"), dict(row))
    this = {"account": row["account"], "run_id": row["run_id"]}
    connection.execute(query("load/mark_interrupted"), this)


def _find_stored(
    connection: duckdb.DuckDBPyConnection, account: str, windows: Iterable[Window]
) -> bool:
    """Lay out what is stored in windows, registered as `windows_read`; tell whether anything is."""
    bounds = [
        {"account": account, "after": after, "until": min(LATEST_S, until)}
        for after, until in hulls(windows, MOST_STRETCHES)
    ]
    connection.execute(query("load/lay_out"))
    counts = [connection.execute(query("load/note_places"), each).fetchall() for each in bounds]
    if not any(count for ((count,),) in counts):
        return False
    connection.execute(query("load/find_stored"))
    for stretch in bounds:
        connection.execute(query("load/note_item_places"), stretch)
    connection.execute(query("load/find_stored_items"))
    return True


def _store(
    connection: duckdb.DuckDBPyConnection,
    origin: Origin,
    incoming: Incoming,
    protection: Protection,
    *,
    found: bool,
) -> Counts:
    """Store sessions; `found` says whether any may be stored already."""
    counts = _upsert(connection, origin, incoming.bounds, protection, found=found)
    connection.execute(query("load/delete_rejects"), {"account": origin.account})
    if incoming.rejected.num_rows:
        connection.execute(query("load/insert_rejects"), asdict(origin))
    if incoming.drift.num_rows:
        account = {"account": origin.account}
        connection.execute(query("load/note_drift"))
        connection.execute(query("load/count_drift"), account)
        connection.execute(query("load/insert_drift"), account)
    return counts


def _upsert(
    connection: duckdb.DuckDBPyConnection,
    origin: Origin,
    created: tuple[int, int],
    protection: Protection,
    *,
    found: bool,
) -> Counts:
    account = {"account": origin.account}
    bounds = account | {"oldest": created[0], "newest": created[1]}
    version = {"api_version": origin.api_version, "privacy": protection.fingerprint}
    connection.execute(query("load/batch"), bounds)
    connection.execute(query("load/classify"), account | version)
    differing = connection.execute(query("load/differing")).fetchall() if found else []
    equal = [id_ for id_, new, old in differing if payload.same(new, old)]
    if equal:
        connection.execute(query("load/confirm_unchanged"), {"ids": equal})
    _judge_items(connection, found=found)
    (counts,) = connection.execute(query("load/count_verdicts")).fetchall()
    inserted, updated, unchanged, asked_otherwise = counts
    if differing:
        with registered(connection, superseded=_superseded(differing, protection)):
            connection.execute(query("load/insert_history"), account)
        connection.execute(query("load/delete_changed"))
    again = inserted and connection.execute(query("load/inserted_again"), account).fetchall()
    if again:
        connection.execute(query("load/delete_orphans"))
    if again or differing:
        connection.execute(query("load/delete_parts"))
    if updated:
        connection.execute(query("load/delete_items"))
        connection.execute(query("load/note_completeness"))
    if found:
        connection.execute(query("load/clear_missing"))
    if asked_otherwise:
        asked = {"api_version": origin.api_version, "run_id": origin.run_id}
        connection.execute(query("load/note_origin"), asked)
    if inserted or updated:
        connection.execute(query("load/insert_sessions"), asdict(origin))
        connection.execute(query("load/insert_parts"))
        connection.execute(query("load/insert_items"), account)
    return Counts(inserted=inserted, updated=updated, unchanged=unchanged)


def _superseded(differing: Sequence[tuple[str, str, str]], protection: Protection) -> pa.Table:
    """Return the stored payloads as they are kept, since one may be older than the protection."""
    redact = protection.redact
    texts = [old if redact is None else redact(old.encode(), "").decode() for *_, old in differing]
    ids = pa.array([id_ for id_, *_ in differing], pa.string())
    return pa.table({"id": ids, "payload": pa.array(texts, pa.string())})


def _check_forgotten(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    """Refuse what was read of a session before it was forgotten."""
    rows = connection.execute(query("state/forgotten")).fetchall()
    late = {id_ for (id_,) in rows} - set(load.forgotten)
    if late and any(late & _ids(read.batch) for read in load.reads):
        raise WarehouseError(
            "a session was forgotten while it was being read, and nothing of its window was stored;"
            " run it again"
        )


def _ids(batch: Batch) -> set[str]:
    rejected = {reject.head.id for reject, _ in batch.rejects}
    return rejected | {str(id_) for id_ in batch.sessions["id"].to_pylist()}


def _judge_items(connection: duckdb.DuckDBPyConnection, *, found: bool) -> None:
    """Compare the sessions' line items with those stored, by value."""
    connection.execute(query("load/classify_items"))
    differing = connection.execute(query("load/differing_items")).fetchall() if found else []
    equal = [id_ for id_, new, old in differing if all(map(payload.same, new, old))]
    if equal:
        connection.execute(query("load/confirm_same_items"), {"ids": equal})
    connection.execute(query("load/completeness"))


def _table(reads: Iterable[tuple[Window, int]]) -> pa.Table:
    """Return windows as a table, each with the API time of its read."""
    return pa.Table.from_pylist(
        [{"after": after, "until": until, "api_time": at} for (after, until), at in reads],
        pa.schema([(name, pa.int64()) for name in ("after", "until", "api_time")]),
    )


def _mark_missing(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    """Mark the stored sessions that a complete read of their second didn't return."""
    account = {"account": load.origin.account}
    latest = {"api_time": load.account_row["api_time"]}
    rows = connection.execute(query("load/find_missing"), account | latest).fetchall()
    gone = [row for row in rows if _was_there(load, *row)]
    if not gone:
        return
    table = pa.table(
        {
            "id": [row[0] for row in gone],
            "place": [row[1] for row in gone],
            "api_time": [row[2] for row in gone],
        }
    )
    with registered(connection, gone=table):
        connection.execute(query("load/mark_missing"))
        connection.execute(query("load/forget_missing"), account)


def _was_there(
    load: Load,
    id_: str,
    _: int,
    api_time: int,
    run_id: str | None,
    read_at: int | None,
    last_seen_at: int,
) -> bool:
    """Whether a session was last seen before the read that didn't return it.

    Another run may have seen it meanwhile; within one second only what this run knew at its start
    tells.
    """
    ended_before = last_seen_at == api_time and run_id in load.ended
    read_before = read_at is not None and load.known.get(id_) == read_at
    return last_seen_at < api_time or ended_before or read_before


def _note_reads(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    account = {"account": load.origin.account}
    ages = {"late_payment_s": load.late_payment_s, "fresh_s": load.fresh_s}
    connection.execute(query("load/note_reads"), account | ages)
    connection.execute(query("load/delete_unsettled"), account)
    connection.execute(query("load/insert_unsettled"), account)


def _write_coverage(connection: duckdb.DuckDBPyConnection, load: Load) -> list[Window]:
    account = {"account": load.origin.account}
    rows = connection.execute(query("state/coverage"), account).fetchall()
    stored = [Window(*row) for row in rows]
    final = [read.final for read in load.reads if read.final is not None]
    merged = merge([*stored, *final])
    if merged != stored:
        covered = pa.Table.from_pylist([window._asdict() for window in merged])
        connection.execute(query("load/delete_coverage"), account)
        with registered(connection, covered=covered):
            connection.execute(query("load/insert_coverage"), account)
    return merged


def _write_account(connection: duckdb.DuckDBPyConnection, load: Load) -> None:
    connection.execute(query("load/delete_account"), {"account": load.origin.account})
    connection.execute(query("load/insert_account"), dict(load.account_row))
    connection.execute(query("load/update_settings"), {"timezone": load.timezone})
