"""A file made anew beside the old one, whose place it takes at once; by one process at a time.

A kill leaves the old file or the new, whole. What it leaves beside them, the next one removes.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import IO

import duckdb

from pipelines.errors import WarehouseError
from pipelines.places import File, Patience, first_lines
from pipelines.queries import filled, query


class Draft(File):
    """A file that is made for another's place; what stops it is told as what it is.

    Args:
        path: where it is.
        of: whose place it is made for.
    """

    def __init__(self, path: Path, of: File) -> None:
        super().__init__(path, 0)
        self._of = of

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Copy all that a connection has attached as `source`.

        Raises:
            WarehouseError: it can't be written.
        """
        try:
            connection.execute(filled("file/attach_target", path=self.name))
            connection.execute(query("publish/copy"))
            connection.execute(query("publish/detach_target"))
        except duckdb.Error as error:
            raise self.failure(error) from None

    def take_place(self) -> None:
        """Be the file from now on.

        Raises:
            WarehouseError: the folder can't be written.
        """
        try:
            self.path.replace(self._of.path)
        except OSError as error:
            raise _failure(self._of, error) from None

    def failure(self, error: duckdb.Error) -> WarehouseError:
        """Say in one line why it can't be made."""
        return _failure(self._of, error)


@contextmanager
def drafts(file: File) -> Iterator[tuple[Draft, Draft]]:
    """Give two drafts of a file, for its owner alone, and leave nothing of them there.

    Raises:
        WarehouseError: another process makes the file anew, and goes on with it; or its folder
            can't be written.
    """
    first, final = (
        Draft(file.path.with_name(f".{file.path.name}.{name}"), file) for name in ("draft", "part")
    )
    files = [first.path, first.log, final.path, final.log]
    before = os.umask(0o077)
    try:
        with _alone(file):
            try:
                _remove(files)  # of one that was killed
                for each in (file, first, final):
                    _remove_orphans(each.overflow)
                yield first, final
            finally:
                _remove(files)
    finally:
        os.umask(before)


@contextmanager
def _alone(file: File) -> Iterator[None]:
    """Hold what the others who would make a file anew wait for; it ends with its process."""
    lock = file.path.with_name(f".{file.path.name}.lock")
    patience = Patience(file.patience_s, Event())
    while (held := _taken(lock, file)) is None:
        if not patience.wait():
            who = _holder(lock)
            raise WarehouseError(
                f"{file.name} is being made anew by {who}; waited {file.patience_s:g} s"
                " (warehouse.lock_timeout_s). Run this again when it has ended",
                path=file.name,
                holder=who,
            )
    with held:
        try:
            yield
        finally:
            _remove([lock])


def _taken(lock: Path, file: File) -> IO[str] | None:
    """Return the lock, open and held by this process; None while another has it."""
    try:
        held = lock.open("a")  # whoever holds it has written its name there
    except OSError as error:
        raise _failure(file, error) from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may have removed it between the two.
        mine = os.path.samestat(os.fstat(held.fileno()), lock.stat())
    except OSError:
        mine = False
    if not mine:
        held.close()
        return None
    try:
        os.ftruncate(held.fileno(), 0)
        os.write(held.fileno(), str(os.getpid()).encode())  # unbuffered, so that closing can't fail
    except OSError as error:  # a full disk
        _remove([lock])
        held.close()
        raise _failure(file, error) from None
    return held


def _holder(lock: Path) -> str:
    with suppress(OSError):
        number = lock.read_text(encoding="utf-8")
        if number:
            return f"process {number}"
    return "another process"


def _failure(file: File, error: OSError | duckdb.Error) -> WarehouseError:
    reason = first_lines(error) if isinstance(error, duckdb.Error) else str(error.strerror)
    full = os.strerror(errno.ENOSPC) in reason
    remedy = "make room for two more copies of it" if full else "mend that"
    return WarehouseError(
        f"{file.name} can't be made anew: {reason}. It is as it was; {remedy}, then run this again",
        path=file.name,
    )


def _remove(files: Sequence[Path]) -> None:
    for each in files:
        with suppress(OSError):
            each.unlink(missing_ok=True)


def _remove_orphans(overflow: Path) -> None:
    """Remove what killed processes left in a folder of what had no room in their memory."""
    for each in overflow.glob("duckdb_temp_*"):
        number = each.name.split("_")[2]
        if number.isdecimal() and not _runs(int(number)):
            _remove([each])
    with suppress(OSError):  # of others, who may use it
        overflow.rmdir()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
