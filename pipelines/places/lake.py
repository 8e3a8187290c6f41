"""A warehouse in a DuckLake: its catalog in PostgreSQL, its data as Parquet files.

All may read and write at once; writers take turns, and of two that change the same the slower one
is told and tries again.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.errors import UsageError, WarehouseError
from pipelines.places.engine import Address, discard, engine
from pipelines.places.place import FILE_ERRORS, ZSTD, let_go, only_selects
from pipelines.queries import filled, query

MOST_OLD_SNAPSHOTS = 500
"""How many snapshots of more than a day a lake may have before it is put in order."""

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
    'query "ROLLBACK"',
    "Current transaction is aborted",  # by what went before
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

BEYOND_READING = re.compile(
    r"""
    (read_)?postgres_\w+ | pg_clear_cache
    | (ducklake_)?(add|cleanup|delete|expire|flush|merge|rewrite)_\w+ | ducklake_set_\w+
    | ducklake_commit | (force_)?checkpoint
    | query | json_execute_serialized_sql  # which run SQL that is a text
    """,
    re.VERBOSE,
)
"""Functions that a SELECT may call and that write, or reach other databases: read-only as DuckDB
has attached the lake, SQL that PostgreSQL gets can end the transaction that is."""


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
        self._address = Address(catalog, data_path, patience_s)
        self.name = self._address.name
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

    def connect(self, *, read_only: bool, alone: bool = True) -> duckdb.DuckDBPyConnection:  # noqa: ARG002
        """Connect to the lake, through the one instance that has it attached."""
        connection = engine(self._address, read_only=read_only).cursor()
        connection.execute(query("lake/use"))
        return connection

    def let_go(self, connection: duckdb.DuckDBPyConnection, *, again: bool) -> None:  # noqa: ARG002
        """Close the connection; the lake stays attached."""
        let_go(connection)

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
        queue = engine(self._address, read_only=False).cursor()
        try:
            queue.execute("begin")
            queue.execute(query("lake/take_turn"))
            yield
        finally:
            let_go(queue)

    def touch(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Change the one row that every transaction changes."""
        connection.execute(query("lake/touch"))

    def confine(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Keep SQL of a user's own from everything but the lake's files, which it may only read.

        Raises:
            UsageError: it isn't made of SELECT alone, as COPY, which could write to those files,
                or calls a function that does more than read.
        """
        only_selects(sql)
        _only_reads(connection, sql)
        discard(self._address, True)  # it is of no use to others any more
        connection.execute(filled("lake/confine", data_path=self._data_path))

    def tidy(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Merge small files and expire old snapshots, if there are many."""
        most = {"most": MOST_OLD_SNAPSHOTS}
        ((due,),) = connection.execute(query("lake/due"), most).fetchall()
        if due:
            connection.execute(query("lake/tidy"))

    def purge(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Rewrite what holds rows that are gone, and remove what no row refers to."""
        connection.execute(query("lake/purge"))
        # On a connection without the lake, since one with it holds locks on the catalog's tables.
        engine(self._address, read_only=False).cursor().execute(query("lake/purge_catalog"))

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
            discard(self._address, False, True)
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


def _only_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse SQL that calls what does more than read, before it is bound: that calls some already.

    Raises:
        UsageError: it does, or nobody can tell.
    """
    ((called,),) = connection.execute(query("lake/functions"), {"sql": sql}).fetchall()
    if called is None:
        raise UsageError("this SELECT can't be looked through; --unsafe lets SQL do more")
    for name in filter(BEYOND_READING.fullmatch, called):
        raise UsageError(
            f"{name} isn't allowed, since it does more than read the lake; --unsafe lets SQL do"
            " more"
        )


def _reason(text: str) -> str:
    """Return what PostgreSQL said, without the address and the statements around it."""
    said = re.search(r"(?:FATAL|ERROR): +([^\n]*)|(connection to server [^\n]*)", text)
    if said:
        return said[1] or said[2]
    if any(sign in text for sign in LOST):
        return "the server closed the connection"
    return " ".join(text.split())[:200]
