"""A warehouse in a DuckDB file, with one writer at a time, by DuckDB's lock."""

import os
import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import duckdb

from pipelines.errors import WarehouseError
from pipelines.places import instances
from pipelines.places.place import CONFIG, FILE_ERRORS, first_lines, let_go, only_selects
from pipelines.queries import filled, query

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
        ("Is a directory",),
        (
            "{path} is a folder. Nothing was written to it; set warehouse.path to a file, such as"
            " {path}/checkouts.duckdb"
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


class File:
    """A DuckDB file; DuckDB locks it against every other process for as long as one writes.

    Args:
        path: where it is; a link stands for the file that it leads to.
        patience_s: how long to wait for others who use it, in seconds.
    """

    tidies_itself = True

    def __init__(self, path: Path, patience_s: float) -> None:
        # What is made anew must take the file's own place, not that of a link to it; and DuckDB
        # keeps the log beside the name that it was given, which must be one for all.
        self.path = Path(os.path.realpath(path))
        self.name = str(self.path)
        self.patience_s = patience_s
        self._instance: duckdb.DuckDBPyConnection | None = None
        # The file, its folder, and the log that DuckDB makes when it likes, hold personal data:
        # what this process makes from now on is for its owner alone.
        os.umask(0o077)

    @property
    def exists(self) -> bool:
        """Whether there is a file.

        Raises:
            WarehouseError: nobody can tell, since this user may not enter its folder.
        """
        try:
            return self.path.exists()
        except OSError as error:
            raise self._out_of_reach(error) from None

    @property
    def log(self) -> Path:
        """What was committed and isn't in the file yet."""
        return self.path.with_name(f"{self.path.name}.wal")

    @property
    def overflow(self) -> Path:
        """A folder of what had no room in memory, left behind by a kill."""
        return instances.overflow(self.path)

    @property
    def state_on_disk(self) -> tuple[int, int] | None:
        """The file's size in bytes and its time of change in ns; None while a load is under way."""
        if self.log.exists():
            return None
        stat = self.path.stat()
        return stat.st_size, stat.st_mtime_ns

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

    def connect(self, *, read_only: bool, alone: bool = True) -> duckdb.DuckDBPyConnection:
        """Open the file."""
        if read_only and alone:
            return duckdb.connect(self.name, read_only=True, config=CONFIG)
        instance = instances.made(self.path) if alone else instances.lent(self.path)
        try:
            # Attached, since a file that is opened can't have all options.
            instance.execute(filled(self._attaching(read_only=read_only), path=self.name))
            connection = instance if alone else instance.cursor()
            connection.execute(query("ddl/use"))
        except BaseException:
            instance.close()
            raise
        self._instance = None if alone else instance
        return connection

    def _attaching(self, *, read_only: bool) -> str:
        if read_only:
            return "ddl/attach_read_only"
        return "ddl/attach" if self.exists else "ddl/attach_new"

    def let_go(self, connection: duckdb.DuckDBPyConnection, *, again: bool) -> None:
        """Close the file."""
        let_go(connection)
        instance, self._instance = self._instance, None
        if instance is None:
            return
        try:
            if again:
                instance.execute(query("ddl/detach"))
                instances.take_back(instance)
                return
        except duckdb.Error:
            pass
        instance.close()

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

    def confine(self, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Keep SQL of a user's own from everything outside the file, and from the file's bytes.

        Raises:
            UsageError: it isn't made of SELECT alone; COPY could write over the file itself.
        """
        only_selects(sql)
        connection.execute(query("file/confine"))

    def tidy(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing."""

    def purge(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: whoever takes something out makes the file anew."""

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return self.path.stat().st_size

    def _out_of_reach(self, error: OSError) -> WarehouseError:
        """Say which folder on the way to the file is closed to this user."""
        above = [*reversed(self.path.parents)]
        closed = next((folder for folder in above if not os.access(folder, os.X_OK)), above[-1])
        return WarehouseError(
            f"{self.path} can't be reached: {closed} may not be entered ({error.strerror})."
            " Nothing was written; run this as the user whose folder that is, or give this user"
            " the right to enter it, or set warehouse.path",
            path=self.name,
        )

    def failure(self, error: duckdb.Error) -> WarehouseError | None:
        """Say in one line why the file can't be used, and what to do."""
        text, path = str(error), self.name
        holder = re.search(r"lock is held in (?:(.*?) \(PID (\d+)\)|PID \d+)", text)
        if holder:
            name, number = holder.groups()
            # Of a process in another container the system tells neither, of one that ends no name.
            program = Path(name or "").name
            who = f"process {number} ({program})" if program else "a process elsewhere"
            return WarehouseError(
                f"{path} is in use by {who}; waited {self.patience_s:g} s"
                " (warehouse.lock_timeout_s). Nothing was written; try again when it has ended",
                path=path,
                holder=who,
                passing=True,
            )
        for marks, words in TROUBLES:
            if any(mark in text for mark in marks):
                return WarehouseError(words.format(path=path), path=path)
        if not isinstance(error, FILE_ERRORS):
            return None
        return WarehouseError(f"{path} can't be used: {first_lines(error)}", path=path)
