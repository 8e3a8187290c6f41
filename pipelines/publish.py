"""A read-only copy of the warehouse for other tools, so that they and the loads never meet.

It is written beside its place and put there at once: whoever has the old one open keeps it.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from pipelines import parquet
from pipelines.errors import ConfigError, WarehouseError
from pipelines.file_warehouse import FileWarehouse
from pipelines.places import File, place_of
from pipelines.queries import filled, query
from pipelines.settings import Settings
from pipelines.warehouse import Warehouse


def check(settings: Settings) -> None:
    """Check, before anything is done, that the copy takes the place of none but an older copy.

    Raises:
        ConfigError: something else is there.
    """
    copy = _target(settings)
    if copy is not None:
        with suppress(WarehouseError):  # which may have passed when it is written
            _check_place(copy)


def publish(settings: Settings, *, anew: bool = False) -> None:
    """Bring the copy and the Parquet files up to date, where the settings ask for them.

    What did not change since they were written is left alone.

    Args:
        settings: where they go.
        anew: look at every row, since rows changed in place without a run.

    Raises:
        ConfigError: something else than a copy is where it goes, and stays there.
        WarehouseError: the warehouse can't be read, or a copy can't be written; the copy that was
            there is there still.
    """
    copy, folder = _target(settings), settings.publish.parquet
    if copy is not None:
        _copy(_file(settings), copy, anew=anew)
    if folder is not None:
        with _written(folder):
            parquet.check(folder)
        with _alone(folder, folder / ".lock"), _written(folder):
            parquet.write(readable(settings), folder, anew=anew)


def readable(settings: Settings) -> Warehouse:
    """Return where questions are answered: the copy if it is current, else the warehouse."""
    copy = settings.publish.path
    if copy is not None and _file(settings).exists:
        _, state = _stamp(copy)
        if state == _file(settings).state_on_disk is not None:
            return Warehouse(File(copy, 0))
    return Warehouse(place_of(settings.warehouse))


def _file(settings: Settings) -> File:
    """Return the warehouse's file; a lake has no copy."""
    return File(settings.warehouse.path, settings.warehouse.lock_timeout_s)


def _target(settings: Settings) -> Path | None:
    """Return where the copy itself is, whatever link leads to it; None for no copy."""
    copy = settings.publish.path
    return None if copy is None else Path(os.path.realpath(copy))


def _stamp(copy: Path) -> tuple[str | None, tuple[int, int] | None]:
    """Return of which state a copy is: its fingerprint, and the warehouse's file at that time."""
    with suppress(WarehouseError, duckdb.Error):
        ((row,),) = Warehouse(File(copy, 0)).answers(("publish/stamped", {}))
        return row["fingerprint"], (row["source_size_bytes"], row["source_mtime_ns"])
    return None, None


def _check_place(copy: Path) -> None:
    """Refuse to write over what isn't missing, empty, or a copy.

    Raises:
        ConfigError: it is something else.
        WarehouseError: it can't be told what it is.
    """
    with _written(copy):
        try:
            there = copy.stat()
        except (FileNotFoundError, NotADirectoryError):
            return
    if stat.S_ISREG(there.st_mode):
        try:
            if there.st_size == 0 or FileWarehouse(File(copy, 0)).is_published:
                return
        except WarehouseError as error:
            reason = f"{error.holder} has it open, and not only to read"
            raise _unpublished(copy, reason) from None
    raise ConfigError(
        f"publish.path: {copy} is there and no copy that this program published, so it is left as"
        " it is; name another file, or move that one away",
        key="publish.path",
    )


def _copy(file: File, copy: Path, *, anew: bool) -> None:
    _check_place(copy)
    lock = copy.with_name(f".{copy.name}.lock")
    with _alone(copy, lock), FileWarehouse(file).attached() as connection, _written(copy):
        # The warehouse can't change from here on: who reads it locks writers out.
        ((fingerprint,),) = connection.execute(query("publish/fingerprint")).fetchall()
        if fingerprint == _stamp(copy)[0] and not anew:
            return
        part = copy.with_name(f".{copy.name}.part")
        log = File(part, 0).log
        for left_behind in (part, log):  # by one that was killed
            left_behind.unlink(missing_ok=True)
        try:
            _fill(connection, file, part, fingerprint)
            # Of a tool that wrote into the old copy and was killed: no other copy opens beside it.
            File(copy, 0).log.unlink(missing_ok=True)
            part.replace(copy)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
                log.unlink(missing_ok=True)


def _fill(connection: duckdb.DuckDBPyConnection, file: File, part: Path, fingerprint: str) -> None:
    """Write a copy of what is attached as `source`, with a stamp that says of which state it is."""
    state = file.state_on_disk
    ((same_format,),) = connection.execute(query("publish/format")).fetchall()
    of_bytes = same_format and state is not None
    if of_bytes:
        # This gives up the lock on the warehouse, as closing any handle of a file does for all that
        # the process has; nothing is read of it from here on.
        shutil.copyfile(file.path, part)
    connection.execute(filled("file/attach_target", path=str(part)))
    if not of_bytes:
        connection.execute(query("publish/copy"))
    size_bytes, mtime_ns = state if state is not None else (-1, -1)
    stamp = {"fingerprint": fingerprint, "size_bytes": size_bytes, "mtime_ns": mtime_ns}
    connection.execute(query("publish/stamp"), stamp)
    connection.execute(query("publish/detach_target"))


@contextmanager
def _alone(place: Path, lock: Path) -> Iterator[None]:
    """Publish as the only one: of two runs that end together, one waits for the other."""
    before = os.umask(0o077)
    try:
        with _written(place):
            lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = lock.open("w")
        with held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
    finally:
        os.umask(before)


@contextmanager
def _written(place: Path) -> Iterator[None]:
    """Say in one line that a copy can't be written, and what to do."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).split("\n")[0]
        raise _unpublished(place, reason) from None


def _unpublished(place: Path, reason: str | None) -> WarehouseError:
    return WarehouseError(
        f"{place} can't be published: {reason}. The warehouse has all that was loaded or taken"
        " out; what was published before stays as it was until the next run, which tries again",
        path=str(place),
    )
