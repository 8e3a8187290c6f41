"""Where a warehouse lives: a DuckDB file, or a DuckLake whose catalog is in PostgreSQL.

The only module that knows the difference. A file has one writer at a time, by DuckDB's lock; in a
lake all may write, and of two that change the same the slower one is told and tries again.
"""

import importlib.util
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

import duckdb

from pipelines import config
from pipelines.errors import UsageError, WarehouseError
from pipelines.queries import query

FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 0.5
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": 1,
}
ZSTD = " using compression zstd"
"""A lake's files have one compression for all columns, set by an option."""
EXTENSIONS = ("postgres_scanner", "ducklake", "httpfs")
CONNECT_TIMEOUT_S = 10
MOST_OLD_SNAPSHOTS = 500
"""How many snapshots of more than a day a lake may have before it is put in order."""

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

LOST = (
    "Connection refused",
    "the database system is",
    "server closed the connection",
    "terminating connection",
    "could not connect",
    "connection to server",
    "Could not connect",
    "no connection to the server",
    "SSL SYSCALL",
)
"""How PostgreSQL and its client say that the server is away for now."""
OVERTAKEN = (
    "Transaction conflict",
    "Failed to initialize DuckLake",  # two make its catalog at once
    "duplicate key value",
    "could not serialize",
    "deadlock",
    "lock timeout",
)
"""How DuckLake and PostgreSQL say that another writer was faster."""


_ENGINES: dict[tuple[str, bool], duckdb.DuckDBPyConnection] = {}
"""DuckDB with a lake attached, by its name and whether read-only."""


class Place(Protocol):
    """What the rest of the program knows of a place.

    Attributes:
        name: what messages call it.
        patience_s: how long to wait for it, in seconds.
        tidies_itself: whether many small loads leave nothing behind.
    """

    name: str
    patience_s: float
    tidies_itself: bool

    @property
    def exists(self) -> bool:
        """Whether there is a warehouse."""

    def require_file(self, command: str) -> "File":
        """Return it for what is done with a file alone, or refuse that."""

    def make(self) -> None:
        """Make what a new warehouse needs around it."""

    def connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Open it; whoever opens closes it."""

    def define(self, connection: duckdb.DuckDBPyConnection, statements: str) -> None:
        """Execute statements that define tables, views, macros and comments."""

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do what only this kind of place needs before it has tables."""

    def arrange(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do what only this kind of place needs once its tables are there."""

    def turn(self) -> AbstractContextManager[None]:
        """Hold other writers off."""

    def touch(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make sure that of two transactions at once only one succeeds."""

    def confine(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Keep SQL of a user's own from files, the network and extensions, for good."""

    def tidy(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put in order what many small loads leave behind, where that is due."""

    @property
    def size_bytes(self) -> int:
        """How much it holds."""

    def failure(self, error: duckdb.Error) -> WarehouseError | None:
        """Say in one line why it can't be used, and what to do; None where the SQL is at fault."""


class Patience:
    """Waits that grow, each of a random length, until a time is up."""

    def __init__(self, limit_s: float) -> None:
        self._deadline = time.monotonic() + limit_s
        self._wait = FIRST_WAIT_S

    def wait(self) -> bool:
        """Wait, or return False if the time is up."""
        if time.monotonic() + self._wait > self._deadline:
            return False
        time.sleep(self._wait * random.uniform(0.5, 1))  # noqa: S311 -- no secret
        self._wait = min(LONGEST_WAIT_S, self._wait * 2)
        return True


class File:
    """A DuckDB file; DuckDB locks it against every other process for as long as one writes."""

    tidies_itself = True

    def __init__(self, path: Path, patience_s: float) -> None:
        self.path = path
        self.name = str(path)
        self.patience_s = patience_s
        # The file, its folder, and the log that DuckDB makes when it likes, hold personal data:
        # what this process makes from now on is for its owner alone.
        os.umask(0o077)

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    @property
    def log(self) -> Path:
        """What was committed and isn't in the file yet."""
        return self.path.with_name(f"{self.path.name}.wal")

    @property
    def state_on_disk(self) -> tuple[int, int] | None:
        """The file's size in bytes and its time of change in ns; None while a load is under way."""
        if self.log.exists():
            return None
        stat = self.path.stat()
        return stat.st_size, stat.st_mtime_ns

    def require_file(self, _: str) -> "File":
        """Return itself, a file."""
        return self

    def make(self) -> None:
        """Make the file's folder.

        Raises:
            WarehouseError: it can't be made.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"{self.path.parent} can't be made ({error.strerror}); set warehouse.path"
                " to a folder that can be written",
                path=self.name,
            ) from None

    def connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Open the file."""
        if read_only:
            return duckdb.connect(self.name, read_only=True, config=CONFIG)
        # To write, with options that only an attached file can have.
        connection = duckdb.connect(config=CONFIG)
        try:
            connection.execute(filled("ddl/attach", path=self.name))
            connection.execute(query("ddl/use"))
        except BaseException:
            connection.close()
            raise
        return connection

    def define(self, connection: duckdb.DuckDBPyConnection, statements: str) -> None:
        """Execute statements."""
        connection.execute(statements)

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing more."""

    def arrange(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing more."""

    def turn(self) -> AbstractContextManager[None]:
        """Do nothing: the lock does it."""
        return nullcontext()

    def touch(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: the lock does it."""

    def confine(self, connection: duckdb.DuckDBPyConnection, _: str) -> None:
        """Keep SQL of a user's own from everything outside the file."""
        connection.execute(query("file/confine"))

    def tidy(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing."""

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return self.path.stat().st_size

    def failure(self, error: duckdb.Error) -> WarehouseError | None:
        """Say in one line why the file can't be used, and what to do."""
        text, path = str(error), self.name
        holder = re.search(r"lock is held in (.*?) \(PID (\d+)\)", text)
        if holder:
            who = f"process {holder.group(2)} ({Path(holder.group(1)).name})"
            return WarehouseError(
                f"{path} is in use by {who}; waited {self.patience_s:g} s"
                " (warehouse.lock_timeout_s). Nothing was written; try again when it has ended",
                path=path,
                holder=who,
                passing=True,
            )
        if not isinstance(error, FILE_ERRORS):
            return None
        for marks, words in TROUBLES:
            if any(mark in text for mark in marks):
                return WarehouseError(words.format(path=path), path=path)
        return WarehouseError(f"{path} can't be used: {first_lines(error)}", path=path)


class Lake:
    """A DuckLake: its catalog in PostgreSQL, its data as Parquet in a folder or object store.

    Passwords and keys come from the environment alone, as PostgreSQL's and AWS's tools read them.

    Args:
        catalog: the catalog's address, as `postgres:host=db dbname=lake`.
        data_path: where the data files are.
        patience_s: how long to wait for the catalog, or for other writers, in seconds.
    """

    tidies_itself = False

    def __init__(self, catalog: str, data_path: str, patience_s: float) -> None:
        self.name = f"ducklake:{catalog}"
        self.patience_s = patience_s
        self._data_path = data_path

    @property
    def exists(self) -> bool:
        """Whether the catalog is there.

        Raises:
            WarehouseError: it can't be reached.
        """
        try:
            self.connect(read_only=True).close()
        except duckdb.Error as error:
            if "does not exist - and creating" not in str(error):
                raise self.failure(error) or error from None
            return False
        return True

    def require_file(self, command: str) -> "File":
        """Refuse what is done with a file alone.

        Raises:
            WarehouseError: always.
        """
        raise WarehouseError(
            f"{command} works on a file alone, and {self.name} is a lake; nothing was written."
            " The README's section Scale tells what a lake can't do",
            path=self.name,
        )

    def make(self) -> None:
        """Make the data's folder, where it is one.

        Raises:
            WarehouseError: it can't be made.
        """
        if "://" in self._data_path:
            return
        try:
            Path(self._data_path).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(
                f"{self._data_path} can't be made ({error.strerror}); set warehouse.data_path"
                " to a folder that can be written",
                path=self.name,
            ) from None

    def connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Connect to the lake."""
        connection = self._engine(read_only=read_only).cursor()
        connection.execute(query("lake/use"))
        return connection

    def define(self, connection: duckdb.DuckDBPyConnection, statements: str) -> None:
        """Execute statements, without the two clauses that DuckLake doesn't know."""
        for statement in duckdb.extract_statements(statements.replace(ZSTD, "")):
            if not statement.query.lstrip().startswith("comment on column marts."):
                connection.execute(statement)

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Say how data is kept."""
        connection.execute(query("lake/prepare"))

    def arrange(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Say how the tables are cut."""
        connection.execute(query("lake/arrange"))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for other writers, and let them wait."""
        queue = self._engine(read_only=False).cursor()
        try:
            queue.execute("begin")
            queue.execute(query("lake/take_turn"))
            yield
        finally:
            queue.close()

    def touch(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Change the one row that every transaction changes."""
        connection.execute(query("lake/touch"))

    def confine(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Keep SQL of a user's own from everything but the lake's files, which it may only read.

        Raises:
            UsageError: it isn't made of SELECT alone; COPY could write to those files.
        """
        kinds = {statement.type for statement in duckdb.extract_statements(sql)}
        if kinds - {duckdb.StatementType.SELECT}:
            raise UsageError("a lake is asked with SELECT alone (FROM, WITH, DESCRIBE, SHOW too)")
        del _ENGINES[self.name, True]  # it is of no use to others any more
        connection.execute(filled("lake/confine", data_path=self._data_path))

    def tidy(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Merge small files and expire old snapshots, if there are many."""
        most = {"most": MOST_OLD_SNAPSHOTS}
        ((due,),) = connection.execute(query("lake/due"), most).fetchall()
        if due:
            connection.execute(query("lake/tidy"))

    @property
    def size_bytes(self) -> int:
        """The size of the data files."""
        with self.connect(read_only=True) as connection:
            ((found,),) = connection.execute(query("lake/size")).fetchall()
        return int(found)

    def failure(self, error: duckdb.Error) -> WarehouseError | None:
        """Say in one line why the lake can't be used, and what to do."""
        text = str(error)
        if "password authentication failed" in text or "no password supplied" in text:
            return WarehouseError(
                f"{self.name}: PostgreSQL refuses the password; set PGPASSWORD, or PGPASSFILE to a"
                " file that holds it",
                path=self.name,
            )
        if any(sign in text for sign in LOST):
            for read_only in (False, True):
                _ENGINES.pop((self.name, read_only), None)
            return WarehouseError(
                f"{self.name} can't be reached: {_reason(text)}. Nothing was written; see that"
                " PostgreSQL runs there",
                path=self.name,
                passing=True,
            )
        if any(sign in text for sign in OVERTAKEN):
            return WarehouseError(
                f"{self.name}: others wrote at the same time for {self.patience_s:g} s"
                " (warehouse.lock_timeout_s). Nothing was written; try again",
                path=self.name,
                passing=True,
            )
        if "does not match existing data path" in text:
            return WarehouseError(
                f"{self.name} keeps its data elsewhere than in {self._data_path}"
                " (warehouse.data_path); nothing was written. Name the folder it was made with",
                path=self.name,
            )
        if isinstance(error, FILE_ERRORS) or type(error) is duckdb.Error:
            return WarehouseError(f"{self.name} can't be used: {_reason(text)}", path=self.name)
        return None

    def _engine(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Return DuckDB with the lake attached; it is kept, since its extensions are slow."""
        key = (self.name, read_only)
        if key not in _ENGINES:
            _ENGINES[key] = self._attached(read_only=read_only)
        return _ENGINES[key]

    def _attached(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config=CONFIG)
        try:
            for extension in EXTENSIONS:
                self._load(connection, extension)
            if self._data_path.startswith("s3://"):
                self._reach_store(connection)
            address = f"{self.name} connect_timeout={CONNECT_TIMEOUT_S}"
            how = "lake/attach_read_only" if read_only else "lake/attach"
            connection.execute(filled(how, address=address, data_path=self._data_path))
            if not read_only:
                patience = f"options=-clock_timeout={max(1, round(self.patience_s * 1000))}"
                address = f"{address.removeprefix('ducklake:postgres:')} {patience}"
                connection.execute(filled("lake/attach_turns", address=address))
        except BaseException:
            connection.close()
            raise
        return connection

    def _reach_store(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put the object store's key, which came by environment, where nobody sees it."""
        settings = connection.execute(query("lake/store_settings"))
        assert settings.description is not None
        columns = [column[0] for column in settings.description]
        named = dict(zip(columns, settings.fetchall()[0], strict=True))
        if named["key_id"]:
            connection.execute(filled("lake/store_secret", **named))

    def _load(self, connection: duckdb.DuckDBPyConnection, extension: str) -> None:
        """Load an extension: from its package, else from where DuckDB installs it."""
        try:
            connection.load_extension(_packaged(extension) or extension)
        except (duckdb.IOException, duckdb.HTTPException, duckdb.InvalidInputException) as error:
            raise WarehouseError(
                f"DuckDB {duckdb.__version__} has no extension {extension}, which {self.name}"
                f" needs ({first_lines(error)}); `checkouts doctor` tells how to get it",
                path=self.name,
            ) from None


def place_of(settings: config.Warehouse) -> Place:
    """Return the place that the settings name."""
    if settings.catalog is None:
        return File(settings.path, settings.lock_timeout_s)
    assert settings.data_path is not None
    return Lake(settings.catalog, settings.data_path, settings.lock_timeout_s)


def extensions() -> dict[str, str]:
    """Return where each extension that a lake needs is; empty for one that isn't there."""
    with duckdb.connect(config=CONFIG) as connection:
        installed = dict(connection.execute(query("lake/extensions")).fetchall())
    return {name: _packaged(name) or installed.get(name) or "" for name in EXTENSIONS}


def filled(name: str, **values: str) -> str:
    """Return a query with literals in the place of its parameters, where SQL takes none."""
    return re.sub(r"\$(\w+)", lambda found: literal(values[found[1]]), query(name))


def literal(text: str) -> str:
    """Return text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def first_lines(error: duckdb.Error) -> str:
    """Return DuckDB's message without its picture of the statement."""
    return " ".join(str(error).split("\n\nLINE")[0].split())[:300]


def _reason(text: str) -> str:
    """Return what PostgreSQL said, without the address and the statements around it."""
    said = re.search(r"(?:FATAL|ERROR): +([^\n]*)|(connection to server [^\n]*)", text)
    return (said[1] or said[2]) if said else " ".join(text.split())[:200]


def _packaged(extension: str) -> str | None:
    """Return the path of an extension that came as a Python package, for this DuckDB alone."""
    spec = importlib.util.find_spec(f"duckdb_extension_{extension}")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    path = folder / f"{extension}.duckdb_extension"
    return str(path) if path.is_file() else None
