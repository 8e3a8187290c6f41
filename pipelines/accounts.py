"""Several accounts side by side, each in a thread of its own, and how all of them are stopped."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

from pipelines.settings import Account

Told = TypeVar("Told")


class Stops:
    """What to call so that runs in other threads end soon."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []
        self._stopped = False

    @contextmanager
    def reaching(self, *calls: Callable[[], None]) -> Iterator[None]:
        """Have these called if all is to stop while a block runs; at once if that has come."""
        with self._lock:
            self._calls += calls
            stopped = self._stopped
        for call in calls if stopped else ():
            call()
        try:
            yield
        finally:
            with self._lock:
                for call in calls:
                    self._calls.remove(call)

    def stop(self) -> None:
        """Stop everything."""
        with self._lock:
            self._stopped = True
            calls = list(self._calls)
        for call in calls:
            call()


def side_by_side(
    accounts: Sequence[Account], run: Callable[[Account], Told], stops: Stops, at_once: int
) -> list[Told]:
    """Run accounts, so many at once, and return what each told, in their order.

    Ctrl-C stops them all; each then tells what it got to. What else ends the process, as a
    cancellation, stops them too and goes on when they have ended.
    """
    pool = ThreadPoolExecutor(min(len(accounts), at_once), thread_name_prefix="account")
    # Each in a context of its own, so that what wraps the fetch finds its run.
    running = [pool.submit(copy_context().run, run, account) for account in accounts]
    try:
        wait(running)
    except BaseException as signal:
        stops.stop()
        wait(running)  # a second signal ends this, and with it the process
        if not isinstance(signal, KeyboardInterrupt):
            raise
    finally:
        pool.shutdown(wait=False)
    return [each.result() for each in running]
