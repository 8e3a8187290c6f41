"""Windows fetched side by side and loaded one batch after the other, with bounded memory."""

import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

import httpx

from pipelines.accounts import Stops
from pipelines.errors import CheckoutsError
from pipelines.fetch import Budget, Fetched
from pipelines.planner import LEAST_PART_PAGES, UNKNOWN_PAGES, Piece, parts_of
from pipelines.stripe_api import USUAL, Patience
from pipelines.windows import Window

Fetch = Callable[[Window, Budget], Fetched]


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        account: the account.
        sessions: sessions done with.
        requests: requests sent.
        elapsed_s: seconds since the run began.
        share: part of the time to be read that is loaded, 0 to 1.
        oldest: start of the newest stretch loaded without a hole, epoch seconds; None before.
    """

    account: str
    sessions: int
    requests: int
    elapsed_s: float
    share: float
    oldest: int | None


@dataclass(frozen=True)
class Options:
    """How a run is wrapped: by Prefect, by a display, by a test.

    Attributes:
        wrap: makes each window's fetch something more, as a Prefect task.
        progress: is told how far the run is, after every load.
        stops: where the run says how it is stopped from another thread.
        transport: another way to the API, for bytes that no server would send.
        patience: how long the API is waited for.
    """

    wrap: Callable[[Fetch], Fetch] | None = None
    progress: Callable[[Progress], None] | None = None
    stops: Stops = field(default_factory=Stops)
    transport: httpx.BaseTransport | None = None
    patience: Patience = USUAL


MOST_PAGES_WAITING = 150
"""Pages fetched and not yet loaded, beyond which no further fetch begins."""

LOOK_EVERY_S = 0.1
"""How often to look for work to share out, or for a load that is due, in seconds."""
LOAD_PAGES = 100
"""Pages that are worth a transaction of their own at once."""
LOAD_EVERY_S = 0.25
"""How long windows wait for others to be loaded with, in seconds: a load costs some 50 ms."""

SLOWEST_ANSWER_S = 0.5
"""Latency up to which there are enough requests in flight to keep the pace, in seconds."""
MOST_FETCHERS = 40


def fetchers_for(per_second: float) -> int:
    """Return how many fetches at a time keep a pace of requests a second."""
    return max(2, min(MOST_FETCHERS, round(per_second * SLOWEST_ANSWER_S)))


class Pipeline:
    """Runs fetches in threads and loads in one more, newest windows first.

    Args:
        fetch: reads a window; called in many threads.
        load: writes what was fetched; gets the windows still to come, none at the last call.
        follow: what else to read, by what a fetch made known.
        stop: makes fetches under way end soon.
        width: how many windows are fetched at a time.
    """

    def __init__(
        self,
        *,
        fetch: Fetch,
        load: Callable[[Sequence[Fetched], Sequence[Window]], None],
        follow: Callable[[Fetched], Iterable[Piece]] = lambda _: (),
        stop: Callable[[], None],
        width: int,
    ) -> None:
        self._fetch = fetch
        self._load = load
        self._follow = follow
        self._stop = stop
        self._width = width
        self._queue: list[tuple[int, int, int, Piece]] = []
        self._added = 0
        self._flying: dict[Future[Fetched], Budget] = {}
        self._ready: list[Fetched] = []
        self._loading: Future[None] | None = None
        self._loading_pages = 0
        self._loaded_at = time.monotonic()

    def run(self, pieces: Iterable[Piece]) -> None:
        """Read and load the pieces and all that follows from them.

        Raises:
            CheckoutsError: a fetch or a load failed; what was read completely is loaded by then.
            KeyboardInterrupt: the user stops it; likewise.
        """
        self._add(pieces)
        with (
            ThreadPoolExecutor(self._width, thread_name_prefix="fetch") as fetchers,
            ThreadPoolExecutor(1, thread_name_prefix="load") as loader,
        ):
            try:
                while self._queue or self._flying or self._ready or self._loading:
                    self._step(fetchers, loader)
            except BaseException:
                self._stop()
                self._save(loader)
                raise

    def _step(self, fetchers: ThreadPoolExecutor, loader: ThreadPoolExecutor) -> None:
        while self._queue and len(self._flying) < self._width and not self._full():
            *_, piece = heapq.heappop(self._queue)
            budget = Budget(piece.window, piece.budget, whole=piece.whole)
            # Each in a context of its own, so that what wraps the fetch finds its run.
            future = fetchers.submit(copy_context().run, self._fetch, piece.window, budget)
            self._flying[future] = budget
        self._share()
        if self._loading is None and self._load_is_due():
            self._submit_load(loader)
        running: list[Future[Any]] = [*self._flying]
        if self._loading is not None:
            running.append(self._loading)
        look_again_s = LOOK_EVERY_S if self._idle() or self._ready else None
        done, _ = wait(running, look_again_s, FIRST_COMPLETED)
        if self._loading in done:
            loading, self._loading = self._loading, None
            self._loading_pages = 0
            self._loaded_at = time.monotonic()
            loading.result()
        for future in [future for future in self._flying if future in done]:
            budget = self._flying.pop(future)
            fetched = future.result()
            self._add(self._parts(fetched, 0 if budget.whole else self._idle()))
            self._add(self._follow(fetched))
            self._ready.append(fetched)

    def _parts(self, fetched: Fetched, idle: int) -> list[Piece]:
        """Return the rest of a fetch's window, cut for those that have nothing to do."""
        if fetched.rest is None:
            return []
        return parts_of(
            fetched.rest,
            fetched.per_second,
            first=fetched.pages == UNKNOWN_PAGES,
            idle=idle,
            width=self._width,
        )

    def _load_is_due(self) -> bool:
        if not self._ready:
            return False
        nothing_to_wait_for = not self._flying and not self._queue
        pages = sum(fetched.pages for fetched in self._ready)
        waited = time.monotonic() - self._loaded_at
        return nothing_to_wait_for or pages >= LOAD_PAGES or waited >= LOAD_EVERY_S

    def _idle(self) -> int:
        return max(0, self._width - len(self._flying) - len(self._queue))

    def _share(self) -> None:
        """Where fetchers idle, cut the longest fetches, so that their rest is shared out."""
        longest = sorted(self._flying.values(), key=lambda budget: -budget.expected)
        for budget in longest[: self._idle()]:
            if budget.expected >= 2 * LEAST_PART_PAGES and not budget.whole:
                budget.cut()

    def _submit_load(self, loader: ThreadPoolExecutor) -> None:
        batch, self._ready = self._ready, []
        pending = [*(budget.window for budget in self._flying.values())]
        pending += [*(piece.window for *_, piece in self._queue)]
        self._loading_pages = sum(fetched.pages for fetched in batch)
        self._loading = loader.submit(copy_context().run, self._load, batch, pending)

    def _add(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._added += 1  # settles ties, since pieces have no order
            place = (-piece.window.until, -piece.window.after, self._added, piece)
            heapq.heappush(self._queue, place)

    def _full(self) -> bool:
        waiting = self._loading_pages + sum(fetched.pages for fetched in self._ready)
        return waiting > MOST_PAGES_WAITING

    def _save(self, loader: ThreadPoolExecutor) -> None:
        """Load what was read completely before something went wrong, unless loading did."""
        if self._loading is not None:
            try:
                self._loading.result()
            except CheckoutsError:
                return
        for future in self._flying:
            with suppress(CheckoutsError):
                self._ready.append(future.result())
        self._flying.clear()
        if self._ready:
            with suppress(CheckoutsError):
                self._submit_load(loader)
                if self._loading is not None:
                    self._loading.result()
