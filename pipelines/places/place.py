"""What the rest of the program knows of where a warehouse lives."""

import random
import re
import time
from contextlib import AbstractContextManager, suppress
from threading import Event
from typing import Protocol

import duckdb

from pipelines.errors import UsageError, WarehouseError
from pipelines.stops import Stopped

FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 0.5
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": 1,
}
ZSTD = " using compression zstd"
"""A lake's files have one compression for all columns, set by an option."""

FILE_ERRORS = (
    duckdb.IOException,
    duckdb.FatalException,
    duckdb.OutOfMemoryException,
    duckdb.SerializationException,
    duckdb.TransactionException,  # what a failed commit is
)
"""Failures of the file or the machine, not of the SQL."""


VALUE_ERRORS = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
)
"""Failures whose message may quote a value, which may be personal data or a whole payload."""
VALUE = re.compile(
    r"""
    (?<!\w)'(?:.*'(?!\w)|.*)
    |"(?:.*"|.*)
    |(?<=:\ )[{\[](?:.*(?:[}\]]|\.\.\.)|.*)
    |(?<=value\ )-?\d+
    |(?<=\ \()-?\d+
    """,
    re.DOTALL | re.VERBOSE,
)
"""A value in such a message: up to the last quote, since it may hold some, or the end."""


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

    def make(self) -> None:
        """Make what a new warehouse needs around it."""

    def connect(self, *, read_only: bool, alone: bool = True) -> duckdb.DuckDBPyConnection:
        """Open it; `alone` where settings are changed that all of an instance of DuckDB has."""

    def let_go(self, connection: duckdb.DuckDBPyConnection, *, again: bool) -> None:
        """Close what `connect` opened; `again` where nothing speaks against using more of it."""

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

    def purge(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Leave nothing of what was taken out of rows, where it can be done in place."""

    @property
    def size_bytes(self) -> int:
        """How much it holds."""

    def failure(self, error: duckdb.Error) -> WarehouseError | None:
        """Say in one line why it can't be used, and what to do; None where the SQL is at fault."""


class Patience:
    """Waits that grow, each of a random length, until a time is up.

    Args:
        limit_s: how long in all, in seconds.
        stop: once it is set, nothing is waited for.
    """

    def __init__(self, limit_s: float, stop: Event) -> None:
        self._deadline = time.monotonic() + limit_s
        self._stop = stop
        self._wait = FIRST_WAIT_S

    def wait(self) -> bool:
        """Wait, or return False if the time is up.

        Raises:
            Stopped: it was stopped.
        """
        if time.monotonic() + self._wait > self._deadline:
            return False
        if self._stop.wait(self._wait * random.uniform(0.5, 1)):  # noqa: S311 -- no secret
            raise Stopped("the run was stopped")
        self._wait = min(LONGEST_WAIT_S, self._wait * 2)
        return True


def let_go(connection: duckdb.DuckDBPyConnection) -> None:
    """Close a connection, and take back what it did not commit."""
    # By a statement, which may fail: a close that fails to take it back ends the process.
    with suppress(duckdb.Error):
        connection.execute("rollback")
    with suppress(duckdb.Error):
        connection.close()


def only_selects(sql: str) -> None:
    """Refuse what isn't made of SELECT alone.

    Raises:
        UsageError: it isn't.
    """
    kinds = {statement.type for statement in duckdb.extract_statements(sql)}
    if kinds - {duckdb.StatementType.SELECT}:
        raise UsageError(
            "only SELECT is allowed (FROM, WITH, DESCRIBE, SHOW, SUMMARIZE too); --unsafe lets SQL"
            " do more"
        )


def first_lines(error: duckdb.Error) -> str:
    """Return DuckDB's message without its picture of the statement."""
    return _short(_without_picture(error))


def without_values(error: duckdb.Error) -> str:
    """Return DuckDB's message on SQL as `first_lines` does, and without what it quotes of rows."""
    if not isinstance(error, VALUE_ERRORS):
        return first_lines(error)
    return _short(VALUE.sub("…", _without_picture(error)).split("\n")[0])


def _without_picture(error: duckdb.Error) -> str:
    return str(error).rpartition("\n\nLINE ")[0] or str(error)


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
