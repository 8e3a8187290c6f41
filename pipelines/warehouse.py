"""The DuckDB boundary: the file, its lock, and what goes in and out.

DuckDB locks the file against every other process, readers too, for as long as one writes. So a
connection is held for one load or one question, never for a run.
"""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import layout, load, reflatten
from pipelines.errors import UsageError, WarehouseError
from pipelines.line_items import Stored
from pipelines.privacy import NOTHING, Protection
from pipelines.queries import query
from pipelines.windows import Window

log = logging.getLogger(__name__)

ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 0.5
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": 1,
}
_TURNS: dict[Path, threading.Lock] = {}
"""Within this process one connection to a file at a time, as between processes."""

FILE_ERRORS = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.OutOfMemoryException,
    duckdb.SerializationException,
    duckdb.TransactionException,  # what a failed commit is
)
"""Failures of the file or the machine, not of the SQL."""

TROUBLES = (
    # DuckDB would open another engine's file with an extension of that engine.
    (
        ("not a valid DuckDB", "duckdb_extension"),
        (
            "{path} is no DuckDB file; nothing was written to it. Move it away,"
            " or set warehouse.path to another file"
        ),
    ),
    (
        ("Permission denied", "Read-only file system"),
        (
            "{path} can't be opened: permission denied. Nothing was written; give this user"
            " the right to write there, or set warehouse.path"
        ),
    ),
    (
        ("No space left",),
        (
            "{path} can't grow: the disk is full. What was committed before is safe; make"
            " room and run again"
        ),
    ),
    (
        ("replaying WAL",),
        (
            "{path}.wal, the log of {path}, is damaged or another file's. Nothing was written;"
            " put the file that it belongs to back, or remove the log: the next sync reads again"
            " what it held"
        ),
    ),
    (
        ("not read enough bytes", "Corrupt database", "checksum"),
        (
            "{path} is damaged: cut off, or changed by something else. Nothing was written;"
            " put a copy of it back, or move it away and sync again"
        ),
    ),
)
"""What DuckDB's message says, and what it means to whoever runs this."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A stored session that may still change.

    Attributes:
        id: the session.
        created: its second.
        read_at: API time when it was last read, epoch seconds.
        reason: `open`, `unpaid` or `fresh`.
        before: stored sessions older than its second, counted from the oldest unsettled one.
        through: the same up to the end of its second.
    """

    id: str
    created: int
    read_at: int
    reason: str
    before: int
    through: int


@dataclass(frozen=True)
class State:
    """What the warehouse knows about an account when a run begins.

    Attributes:
        livemode: its mode, None while unknown.
        key_fingerprint: which key it was read with, None for a new account.
        api_time: latest API time seen, epoch seconds, 0 for none.
        coverage: what was read completely, oldest first.
        unsettled: sessions that may still change, oldest first.
        fingerprint_owner: another account name that this key was stored under.
        stored: how many sessions are stored up to the newest covered second, counted as in
            `unsettled`.
        newest_id: its newest stored session, looked up where the key is another.
        forgotten: ids of sessions whose personal fields stay empty, of all accounts.
    """

    livemode: bool | None = None
    key_fingerprint: str | None = None
    api_time: int = 0
    coverage: Sequence[Window] = ()
    unsettled: Sequence[Unsettled] = ()
    stored: int = 0
    fingerprint_owner: str | None = None
    newest_id: str | None = None
    forgotten: Sequence[str] = ()


class Warehouse:
    """One DuckDB file.

    Args:
        path: where it is.
        lock_timeout_s: how long to wait for another process that holds it, in seconds.
    """

    def __init__(self, path: Path, lock_timeout_s: float) -> None:
        self.path = path
        self._lock_timeout_s = lock_timeout_s
        self._turn = _TURNS.setdefault(path.absolute(), threading.Lock())
        # The file, its folder, and the log that DuckDB makes when it likes, hold personal data:
        # what this process makes from now on is for its owner alone.
        os.umask(0o077)

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def state(self, account: str, key_fingerprint: str) -> State:
        """Return what is known about an account; nothing if there is no file yet.

        Raises:
            WarehouseError: the file can't be read.
        """
        if not self.exists:
            return State()
        for _ in range(2):
            with self._open(read_only=True) as connection:
                found = layout.version(connection, str(self.path))
                if found == layout.VERSION:
                    return _state(connection, account, key_fingerprint)
            if found == 0:
                return State()
            with self._writing():  # which brings the file up to date
                pass
        return State()

    def load(
        self, batch: load.Load, run_row: Callable[[load.Counts], Mapping[str, Any]]
    ) -> load.Loaded:
        """Write a load and the run's row in one transaction.

        Args:
            batch: what was read.
            run_row: makes the run's row from what the load brought.

        Raises:
            WarehouseError: the file can't be written; nothing of the load is in it then.
        """
        with self._writing() as connection:
            connection.execute("begin")
            loaded = load.write(connection, batch)
            row = run_row(loaded.counts)
            load.write_run(connection, row)
            connection.execute("commit")
        return loaded

    def line_items(
        self, account: str, ids: Sequence[str], oldest: int, newest: int
    ) -> dict[str, Stored]:
        """Return the sessions that are stored with all their line items.

        Args:
            account: the account's name.
            ids: the sessions looked for.
            oldest: when the oldest of them was created, epoch seconds.
            newest: when the newest of them was created, epoch seconds.

        Raises:
            WarehouseError: the file can't be read.
        """
        if not self.exists:
            return {}
        wanted = {"account": account, "ids": list(ids), "oldest": oldest, "newest": newest}
        with self._open(read_only=True) as connection:
            rows = connection.execute(query("state/line_items"), wanted).fetchall()
        return {id_: Stored(payload, items) for id_, payload, items in rows}

    def reflatten(
        self,
        tell: reflatten.Tell,
        protection: Protection = NOTHING,
        forgetting: Sequence[str] = (),
    ) -> reflatten.Rebuilt:
        """Make all columns anew from the stored payloads, in one transaction.

        Args:
            tell: is told how far it is.
            protection: what is taken out.
            forgetting: ids of sessions whose personal fields are emptied for good.

        Raises:
            WarehouseError: there is no file, or it can't be written; nothing is changed then.
        """
        self.require()
        with self._writing() as connection:
            connection.execute(query("reflatten/limit_memory"))
            connection.execute("begin")
            connection.execute(query("forget/remember"), {"ids": list(forgetting)})
            rebuilt = reflatten.rebuild(connection, tell, protection)
            connection.execute("commit")
        return rebuilt

    def note_run(self, row: Mapping[str, Any]) -> None:
        """Write a run's row.

        Raises:
            WarehouseError: the file can't be written.
        """
        with self._writing() as connection:
            connection.execute("begin")
            load.write_run(connection, row)
            connection.execute("commit")

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return self.path.stat().st_size

    @property
    def state_on_disk(self) -> tuple[int, int] | None:
        """The file's size in bytes and its time of change in ns; None while a load is under way."""
        if self._log.exists():
            return None
        stat = self.path.stat()
        return stat.st_size, stat.st_mtime_ns

    @property
    def _log(self) -> Path:
        """What was committed and isn't in the file yet."""
        return self.path.with_name(f"{self.path.name}.wal")

    def answers(self, questions: Mapping[str, Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
        """Return the rows of several named queries, all of one moment.

        Args:
            questions: parameters by the query's name.

        Raises:
            WarehouseError: there is no file, or it can't be read.
        """
        with self.reading() as connection:
            return [
                _answer(connection, query(name), given).to_pylist()
                for name, given in questions.items()
            ]

    def ask(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, unsafe: bool = False
    ) -> pa.Table:
        """Return the answer to SQL.

        Args:
            sql: the SQL, as whoever runs the program wrote it.
            parameters: values for its `$name`s.
            unsafe: let it write, and reach files, other databases and extensions.

        Raises:
            WarehouseError: there is no file, or it can't be read.
            UsageError: DuckDB doesn't accept the SQL.
        """
        self.require()
        with self._writing() if unsafe else self.reading() as connection:
            if not unsafe:
                # No files, no network, no extensions; and no way back to them.
                connection.execute("set enable_external_access = false")
                connection.execute("set lock_configuration = true")
            try:
                return _answer(connection, sql, parameters)
            except duckdb.Error as error:
                raise UsageError(f"DuckDB: {_first_lines(error)}") from None

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for questions, all of one moment, with all of the machine's cores.

        Raises:
            WarehouseError: there is no file, or it can't be read.
        """
        self.require()
        with self._open(read_only=True) as connection:
            layout.version(connection, str(self.path))
            connection.execute("set threads = $threads", {"threads": os.cpu_count() or 1})
            yield connection

    @contextmanager
    def attached(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Attach the file, read-only, as `source` to a connection that may write elsewhere.

        Raises:
            WarehouseError: there is no file, or it can't be read.
        """
        self.require()
        with self._held(self._attach) as connection:
            layout.version(connection, str(self.path))
            connection.execute("set threads = $threads", {"threads": os.cpu_count() or 1})
            yield connection

    @contextmanager
    def settled(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Attach the file as `attached` does, with all that was committed in it, and none beside.

        Raises:
            WarehouseError: there is no file, or it can't be written.
        """
        self.require()
        for _ in range(ATTEMPTS):
            with self._writing():  # which takes up a log left behind, and leaves none
                pass
            with self.attached() as connection:
                if not self._log.exists():
                    yield connection
                    return
        raise WarehouseError(
            f"{self.path} is being written again and again; try again later", path=str(self.path)
        )

    def _attach(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config=CONFIG)
        try:
            connection.execute(query("publish/attach_source"), {"path": str(self.path)})
            connection.execute(query("publish/use_source"))
        except duckdb.Error:
            connection.close()
            raise
        return connection

    def require(self) -> None:
        """Check that there is a file.

        Raises:
            WarehouseError: there is none.
        """
        if not self.exists:
            raise WarehouseError(
                f"there is no warehouse at {self.path}; `checkouts sync` makes one"
                " (or name the right config.yaml with --config)",
                path=str(self.path),
            )

    @contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for writing, made and brought up to date where needed."""
        if not self.exists:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise WarehouseError(
                    f"{self.path.parent} can't be made ({error.strerror}); set warehouse.path"
                    " to a folder that can be written",
                    path=str(self.path),
                ) from None
        with self._open(read_only=False) as connection:
            try:
                self._bring_up_to_date(connection)
                yield connection
            except BaseException:
                with suppress(duckdb.Error):
                    connection.execute("rollback")
                raise

    def _bring_up_to_date(self, connection: duckdb.DuckDBPyConnection) -> None:
        found = layout.version(connection, str(self.path))
        if found == layout.VERSION:
            return
        connection.execute("begin")
        layout.migrate(connection, found)
        if 0 < found < layout.REFILL_BELOW:
            reflatten.rebuild(connection)
        connection.execute("commit")

    @contextmanager
    def _open(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        def connect() -> duckdb.DuckDBPyConnection:
            if read_only:
                return duckdb.connect(str(self.path), read_only=True, config=CONFIG)
            return _attached(str(self.path))

        with self._held(connect) as connection:
            yield connection

    @contextmanager
    def _held(
        self, connect: Callable[[], duckdb.DuckDBPyConnection]
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._turn:
            connection = self._patiently(connect)
            try:
                connection.execute("set TimeZone = 'UTC'")
                yield connection
            except FILE_ERRORS as error:
                raise self._unusable(error) from None
            except RuntimeError as error:
                if "interrupted" not in str(error).lower():
                    raise
                raise KeyboardInterrupt from None  # how DuckDB says that it met a Ctrl-C
            finally:
                with suppress(duckdb.Error):
                    connection.close()

    def _patiently(
        self, connect: Callable[[], duckdb.DuckDBPyConnection]
    ) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self._lock_timeout_s
        wait = FIRST_WAIT_S
        while True:
            try:
                return connect()
            except duckdb.Error as error:
                if "Could not set lock" not in str(error) or time.monotonic() + wait > deadline:
                    raise self._unusable(error) from None
            time.sleep(wait)
            wait = min(LONGEST_WAIT_S, wait * 2)

    def _unusable(self, error: duckdb.Error) -> WarehouseError:
        """Say in one line why the file can't be used, and what to do."""
        text = str(error)
        path = str(self.path)
        holder = re.search(r"lock is held in (.*?) \(PID (\d+)\)", text)
        if holder:
            who = f"process {holder.group(2)} ({Path(holder.group(1)).name})"
            return WarehouseError(
                f"{path} is in use by {who}; waited {self._lock_timeout_s:g} s"
                " (warehouse.lock_timeout_s). Nothing was written; try again when it has ended",
                path=path,
                holder=who,
            )
        for marks, words in TROUBLES:
            if any(mark in text for mark in marks):
                return WarehouseError(words.format(path=path), path=path)
        return WarehouseError(f"{path} can't be used: {_first_lines(error)}", path=path)


def _attached(path: str) -> duckdb.DuckDBPyConnection:
    """Open a file to write, with options that only an attached one can have."""
    connection = duckdb.connect(config=CONFIG)
    try:
        connection.execute(query("ddl/attach"), {"path": path})
        connection.execute(query("ddl/use"))
    except BaseException:
        connection.close()
        raise
    return connection


def _state(connection: duckdb.DuckDBPyConnection, account: str, fingerprint: str) -> State:
    named = {"account": account}
    owners = connection.execute(
        query("state/fingerprint_owner"), {"key_fingerprint": fingerprint, **named}
    ).fetchall()
    owner = owners[0][0] if owners else None
    forgotten = [id_ for (id_,) in connection.execute(query("state/forgotten")).fetchall()]
    rows = connection.execute(query("state/account"), named).fetchall()
    if not rows:
        return State(fingerprint_owner=owner, forgotten=forgotten)
    ((livemode, key_fingerprint, api_time),) = rows
    coverage = [Window(*w) for w in connection.execute(query("state/coverage"), named).fetchall()]
    covered = {"newest": coverage[-1].until if coverage else 0, **named}
    ranked = connection.execute(query("state/unsettled"), covered).fetchall()
    newest: list[tuple[str]] = []
    if key_fingerprint != fingerprint:
        newest = connection.execute(query("state/newest_id"), named).fetchall()
    return State(
        livemode=livemode,
        key_fingerprint=key_fingerprint,
        api_time=api_time,
        coverage=coverage,
        unsettled=[Unsettled(*session) for session in ranked if session[0] is not None],
        stored=ranked[-1][-1] if ranked else 0,
        fingerprint_owner=owner,
        newest_id=newest[0][0] if newest else None,
        forgotten=forgotten,
    )


def _answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None
) -> pa.Table:
    relation = connection.sql(sql, params=dict(parameters) if parameters else None)
    # Some statements, as `set`, have no answer.
    table: pa.Table | None = relation.to_arrow_table() if relation is not None else None
    return table if table is not None else pa.table({})


def _first_lines(error: duckdb.Error) -> str:
    """DuckDB's message without its picture of the statement."""
    return " ".join(str(error).split("\n\nLINE")[0].split())[:300]
