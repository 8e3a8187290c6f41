"""How a run that reads in many threads goes about this process's memory."""

import ctypes
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

RARELY = 100_000
"""New objects between two searches for garbage: hardly anything that a run makes is in a cycle."""
ARENAS = 2
"""Heaps that threads share. The C library makes sixteen for two cores, and each keeps what it has
freed; a seventh of a load's memory."""

_M_ARENA_MAX = -8  # of glibc's malloc.h
_lock = threading.Lock()
_before: list[tuple[int, int, int]] = []
"""The thresholds found by each block that runs now, the first one's first."""


@contextmanager
def frugal() -> Iterator[None]:
    """Let the process search for garbage rarely, and share its heaps, while a block runs.

    Otherwise Python looks through all its objects again and again, a fifth of the time.
    """
    with suppress(OSError, AttributeError):  # other C libraries have no such option
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)
    with _lock:
        _before.append(gc.get_threshold())
        gc.set_threshold(RARELY, *_before[0][1:])
    try:
        yield
    finally:
        with _lock:
            found = _before.pop()
            if not _before:  # the last of those side by side puts back what the first one found
                gc.set_threshold(*found)
