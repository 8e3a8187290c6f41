"""The DuckDB boundary: what goes into the warehouse and out of it, wherever it lives."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from pipelines import kinds, layout, load, reflatten
from pipelines.access import Access
from pipelines.errors import UsageError, WarehouseError
from pipelines.line_items import Stored
from pipelines.places import without_values
from pipelines.privacy import NOTHING, Protection
from pipelines.queries import query
from pipelines.state import Keys, State, keys, known

LARGE_BYTES = 8 << 20
"""Loads from this size on have an instance of DuckDB to themselves, since it keeps the memory that
it has used for as long as it lives."""


class Warehouse(Access):
    """The sessions of all accounts, and what is known of them.

    Args:
        place: where it lives.
    """

    def state(self, account: str, key_fingerprint: str, late_payment_s: int) -> State:
        """Return what is known about an account; nothing if there is no warehouse yet.

        Args:
            account: the account's name.
            key_fingerprint: that of its key.
            late_payment_s: how long a payment may take, in seconds.

        Raises:
            WarehouseError: the file can't be read.
        """
        return self._patiently(lambda: self._known(account, key_fingerprint, late_payment_s))

    def _known(self, account: str, key_fingerprint: str, late_payment_s: int) -> State:
        if not self.exists:
            return State()
        for _ in range(2):
            with self._open(read_only=True) as connection:
                found = layout.version(connection, self.name)
                if found == layout.VERSION:
                    return known(connection, account, key_fingerprint, late_payment_s)
            if found == 0:
                return State()
            with self._writing():  # which brings the file up to date
                pass
        return State()

    def load(
        self,
        batch: load.Load,
        run_row: Callable[[load.Counts], Mapping[str, Any]],
        check: Callable[[Keys], None],
    ) -> load.Loaded:
        """Write a load and the run's row in one transaction.

        Args:
            batch: what was read.
            run_row: makes the run's row from what the load brought.
            check: is told which keys are stored then, and raises where they forbid the load.

        Raises:
            ConfigError: they do.
            WarehouseError: the file can't be written; nothing of the load is in it then.
        """

        def write(connection: duckdb.DuckDBPyConnection) -> load.Loaded:
            row = batch.account_row
            check(keys(connection, row["account"], row["key_fingerprint"]))
            loaded = load.write(connection, batch)
            load.write_run(connection, run_row(loaded.counts))
            return loaded

        return self._transact(write, alone=batch.size_bytes > LARGE_BYTES)

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
        wanted = {"account": account, "ids": list(ids), "oldest": oldest, "newest": newest}

        def read() -> list[tuple[str, str, Any]]:
            if not self.exists:
                return []
            with self._open(read_only=True) as connection:
                return connection.execute(query("state/line_items"), wanted).fetchall()

        return {id_: Stored(payload, items) for id_, payload, items in self._patiently(read)}

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

        def rebuild(connection: duckdb.DuckDBPyConnection) -> reflatten.Rebuilt:
            connection.execute(query("reflatten/limit_memory"))
            connection.execute(query("forget/remember"), {"ids": list(forgetting)})
            return reflatten.rebuild(connection, self._place, tell, protection)

        return self._transact(rebuild, alone=True)

    def note_run(self, row: Mapping[str, Any]) -> None:
        """Write a run's row.

        Raises:
            WarehouseError: the warehouse can't be written.
        """
        self._transact(lambda connection: load.write_run(connection, row))

    def tidy(self) -> None:
        """Put in order what many small loads leave behind, where that is due.

        Raises:
            WarehouseError: it can't be done now; nothing is lost by that.
        """
        if not self._place.tidies_itself:
            with self._writing() as connection:
                self._place.tidy(connection)

    def purge(self) -> None:
        """Leave nothing of what was taken out of rows, where it can be done in place.

        Raises:
            WarehouseError: it can't be done now; the rows are as they were.
        """
        try:
            with self._writing() as connection:
                self._place.purge(connection)
        except WarehouseError as error:
            raise WarehouseError(
                "what was taken out of rows is still in old files of the warehouse; run this"
                f" again ({error.message})",
                path=self.name,
            ) from None

    @property
    def size_bytes(self) -> int:
        """How much it holds."""
        return self._place.size_bytes

    def answers(self, *questions: tuple[str, Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
        """Return the rows of several named queries, all of one moment.

        Args:
            questions: each query's name and its parameters.

        Raises:
            WarehouseError: there is no file, or it can't be read.
        """

        def read() -> list[list[dict[str, Any]]]:
            with self.reading() as connection:
                return [
                    _answer(connection, query(name), given).to_pylist() for name, given in questions
                ]

        return self._patiently(read)

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
        with self._writing(alone=True) if unsafe else self.reading() as connection:
            try:
                if not unsafe:
                    self._place.confine(connection, sql)
                return _answer(connection, sql, parameters)
            except duckdb.Error as error:
                raise UsageError(f"DuckDB: {without_values(error)}") from None


def _answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None
) -> pa.Table:
    relation = connection.sql(sql, params=dict(parameters) if parameters else None)
    # Some statements, as `set`, have no answer.
    return kinds.table(relation) if relation is not None else pa.table({})
