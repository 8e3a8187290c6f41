"""The turn to write: one scheduled run at a time, whatever started it on this machine.

A lock on a file beside the warehouse. The system drops it with the process that holds it, so a
killed run leaves nothing to clean up.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import WarehouseError


@contextmanager
def turn(warehouse: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the turn, and say whether one has it.

    Args:
        warehouse: the file that is to be written.
        wait: wait until another has ended; else do without.

    Raises:
        WarehouseError: its folder can't be written.
    """
    file_itself = Path(os.path.realpath(warehouse))  # one turn, whatever links lead to it
    path = file_itself.with_name(f"{file_itself.name}.turn")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise WarehouseError(
            f"{path} can't be made ({error.strerror}); set warehouse.path to a folder that can be"
            " written",
            path=str(path),
        ) from None
    try:
        yield _taken(file, wait=wait)
    finally:
        os.close(file)


def _taken(file: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
