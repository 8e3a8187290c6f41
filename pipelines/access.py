"""How a warehouse is opened: in turn, with patience, made and brought up to date where needed.

DuckDB locks a file against every other process, readers too, for as long as one writes. So a
connection is held for one load or one question, never for a run.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar

import duckdb

from pipelines import layout, reflatten
from pipelines.errors import WarehouseError
from pipelines.places import Patience, Place, first_lines

log = logging.getLogger(__name__)

T = TypeVar("T")

_TURNS: dict[str, threading.Lock] = {}
"""Within this process one connection to a warehouse at a time, as between processes to a file."""


class Access:
    """The way into a warehouse.

    Args:
        place: where it lives.
    """

    def __init__(self, place: Place) -> None:
        self.name = place.name
        self._place = place
        self._stop = threading.Event()
        self._turn = _TURNS.setdefault(place.name, threading.Lock())

    def stop(self) -> None:
        """Wait for others who use it no longer."""
        self._stop.set()

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return self._patiently(lambda: self._place.exists)

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open it for questions, all of one moment, with all of the machine's cores.

        Raises:
            WarehouseError: there is none, or it can't be read.
        """
        self.require()
        with self._open(read_only=True, alone=True) as connection:
            found = layout.version(connection, self.name)
            if found == 0:
                raise self._absent()
            if found < layout.REFILL_BELOW:
                raise WarehouseError(
                    f"{self.name} has layout {found}, made by an older version of this program,"
                    " and lacks what this one asks for; `checkouts sync` brings it up to date",
                    path=self.name,
                )
            connection.execute("set threads = $threads", {"threads": os.cpu_count() or 1})
            yield connection

    def require(self) -> None:
        """Check that there is a warehouse.

        Raises:
            WarehouseError: there is none.
        """
        if not self.exists:
            raise self._absent()

    def _absent(self) -> WarehouseError:
        return WarehouseError(
            f"there is no warehouse at {self.name}; `checkouts sync` makes one"
            " (or name the right config.yaml with --config)",
            path=self.name,
        )

    def _transact(
        self, write: Callable[[duckdb.DuckDBPyConnection], T], *, alone: bool = False
    ) -> T:
        """Write in one transaction; where another writer was faster, once more on what it left."""

        def once() -> T:
            with self._writing(alone=alone) as connection:
                connection.execute("begin")
                self._place.touch(connection)
                written = write(connection)
                connection.execute("commit")
                return written

        return self._patiently(once)

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do work that reads or writes in one go; again while what stops it may pass.

        Raises:
            WarehouseError: it didn't pass in time, so whoever called this waits no longer either.
            Stopped: the run was stopped.
        """
        patience = Patience(self._place.patience_s, self._stop)
        while True:
            try:
                return work()
            except WarehouseError as error:
                error.passing = error.passing and patience.wait()
                if not error.passing:
                    raise
                log.info("%s; trying again", error.message)

    @contextmanager
    def _writing(self, *, alone: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open it for writing, made and brought up to date where needed."""
        if not self.exists:
            self._place.make()
        with self._open(read_only=False, alone=alone) as connection, self._place.turn():
            try:
                self._bring_up_to_date(connection)
                yield connection
            except BaseException:
                with suppress(duckdb.Error):
                    connection.execute("rollback")
                raise

    def _bring_up_to_date(self, connection: duckdb.DuckDBPyConnection) -> None:
        found = layout.version(connection, self.name)
        if found == layout.VERSION:
            return
        self._place.prepare(connection)
        connection.execute("begin")
        layout.migrate(connection, self._place, found)
        if 0 < found < layout.REFILL_BELOW:
            reflatten.rebuild(connection, self._place)
        connection.execute("commit")

    @contextmanager
    def _open(self, *, read_only: bool, alone: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open it; `alone` where settings are changed that all of an instance of DuckDB has."""
        connect = partial(self._place.connect, read_only=read_only, alone=alone)
        with self._held(connect) as connection:
            if read_only:
                connection.execute("begin")
            yield connection

    @contextmanager
    def _held(
        self, connect: Callable[[], duckdb.DuckDBPyConnection]
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold a connection, alone in this process; what goes wrong is told as what it is."""
        with self._turn:
            try:
                with self._connection(connect) as connection:
                    yield connection
            except duckdb.Error as error:
                failure = self._place.failure(error)
                if failure is None:
                    raise
                raise failure from None
            except RuntimeError as error:
                if "interrupted" not in str(error).lower():
                    raise
                raise KeyboardInterrupt from None  # how DuckDB says that it met a Ctrl-C

    @contextmanager
    def _connection(
        self, connect: Callable[[], duckdb.DuckDBPyConnection]
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._patiently(lambda: self._connected(connect))
        again = False
        try:
            connection.execute("set TimeZone = 'UTC'")
            yield connection
            again = True
        finally:
            self._place.let_go(connection, again=again)

    def _connected(
        self, connect: Callable[[], duckdb.DuckDBPyConnection]
    ) -> duckdb.DuckDBPyConnection:
        try:
            return connect()
        except duckdb.Error as error:
            raise self._place.failure(error) or WarehouseError(
                f"{self.name} can't be used: {first_lines(error)}", path=self.name
            ) from None
