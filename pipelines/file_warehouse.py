"""What is done with a warehouse that is a file: it is attached as `source`, to be copied."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from pipelines import layout
from pipelines.errors import WarehouseError
from pipelines.places import File, instances
from pipelines.queries import filled, query
from pipelines.warehouse import Warehouse

ATTEMPTS = 5


class FileWarehouse(Warehouse):
    """A warehouse in a file.

    Args:
        file: where it lives.
    """

    def __init__(self, file: File) -> None:
        super().__init__(file)
        self.file = file

    @contextmanager
    def attached(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Attach the file, read-only, as `source` to a connection that may write elsewhere.

        Raises:
            WarehouseError: there is no file, or it can't be read.
        """
        self.require()
        with self._held(self._attach) as connection:
            layout.version(connection, self.name)
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
                if not self.file.log.exists():
                    yield connection
                    return
        raise WarehouseError(
            f"{self.name} is being written again and again; try again later", path=self.name
        )

    @property
    def is_published(self) -> bool:
        """Whether it is a copy that this program published, of whatever layout.

        Raises:
            WarehouseError: another process holds it, so that nobody can tell.
        """
        try:
            with self._open(read_only=True, alone=True) as connection:
                return bool(connection.execute(query("publish/stamped")).fetchall())
        except WarehouseError as error:
            if error.holder is not None:
                raise
        except duckdb.Error:
            pass
        return False

    def _attach(self) -> duckdb.DuckDBPyConnection:
        connection = instances.made(self.file.path)
        try:
            connection.execute(filled("publish/attach_source", path=self.name))
            connection.execute(query("publish/use_source"))
        except duckdb.Error:
            connection.close()
            raise
        return connection
