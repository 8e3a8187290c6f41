"""Windows fetched side by side and loaded one batch after the other, with bounded memory."""

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

import httpx

from pipelines import memory
from pipelines.accounts import Stops
from pipelines.errors import CheckoutsError
from pipelines.fetch import Budget, Fetched
from pipelines.pace import HEADROOM, MOST_IN_FLIGHT
from pipelines.planner import (
    FRUGAL_PART_PAGES,
    LEAST_PART_PAGES,
    PART_PAGES,
    Piece,
    pages_in,
    parts_of,
)
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


MOST_PAGES = 220
"""Pages in memory at a time, those that the fetches under way may still bring included."""
LOAD_PAGES = 80
"""Pages that are loaded in one transaction, and worth one of their own at once."""
FINE_CUTS_A_FETCHER, FINE_CUTS_A_PAGE = 1.8, 0.06
"""How often windows are cut into small parts at the most, by the fetchers and the pages of a run:
each part costs half a page, the one that is not full at its end."""
FOR_THE_END = 0.8
"""Share of these cuts that is left for when nothing else is to come."""
END_PAGES = 5
"""Pages to come for each fetcher at which the end begins."""
LEAST_BUDGET_PAGES = 3
"""Page budget below which a fetch isn't worth handing back its rest."""

LOOK_EVERY_S = 0.1
"""How often to look for work to share out, or for a load that is due, in seconds."""
LOAD_EVERY_S = 2.0
"""How long windows wait for others to be loaded with, in seconds: a load costs some 50 ms."""


class Pipeline:
    """Runs fetches in threads and loads in one more, newest windows first.

    Args:
        fetch: reads a window; called in many threads.
        load: writes what was fetched; gets the windows still to come, none at the last call.
        follow: what else to read, by what a fetch made known.
        stop: makes fetches under way end soon.
        width: tells how many windows to fetch at a time, at this moment.
    """

    def __init__(
        self,
        *,
        fetch: Fetch,
        load: Callable[[Sequence[Fetched], Sequence[Window]], None],
        follow: Callable[[Fetched], Iterable[Piece]] = lambda _: (),
        stop: Callable[[], None],
        width: Callable[[], int],
    ) -> None:
        self._fetch = fetch
        self._load = load
        self._follow = follow
        self._stop = stop
        self._width = width
        self._queue: list[tuple[int, int, int, Piece]] = []
        self._added = 0
        self._flying: dict[Future[Fetched], Budget] = {}
        self._ready: deque[Fetched] = deque()
        self._loading: Future[None] | None = None
        self._loading_pages = 0
        self._loaded_at = time.monotonic()
        self._pages = 0
        self._fine_cuts = 0
        self._oldest = math.inf  # where the oldest read that found sessions begins

    def run(self, pieces: Iterable[Piece]) -> None:
        """Read and load the pieces and all that follows from them.

        Raises:
            CheckoutsError: a fetch or a load failed; what was read completely is loaded by then.
            KeyboardInterrupt: the user stops it; likewise.
        """
        self._add(pieces)
        with (
            memory.frugal(),
            ThreadPoolExecutor(MOST_IN_FLIGHT, thread_name_prefix="fetch") as fetchers,
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
        while self._queue and len(self._flying) < self._width() and self._has_room():
            *_, piece = heapq.heappop(self._queue)
            pages = self._pages_for(piece)
            budget = Budget(piece.window, pages, whole=piece.whole, per_second=piece.per_second)
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
            self._pages += fetched.pages
            if fetched.per_second:
                self._oldest = min(self._oldest, fetched.read.after)
            self._add(self._parts(fetched, budget))
            self._add(self._follow(fetched))
            self._ready.append(fetched)

    def _parts(self, fetched: Fetched, budget: Budget) -> list[Piece]:
        """Return the rest of a fetch's window, cut for those that have nothing to do."""
        if fetched.rest is None:
            return []
        expected = pages_in(fetched.rest, budget.per_second)
        parts = parts_of(
            fetched.rest,
            budget.per_second,
            open_ended=fetched.rest.after < self._oldest,
            idle=0 if budget.whole else self._idle_share(),
            least=self._least_part_pages(expected, expected),
        )
        if expected < FRUGAL_PART_PAGES * len(parts):
            self._fine_cuts += len(parts) - 1
        return parts

    def _least_part_pages(self, expected: float, besides: float = 0.0) -> int:
        """Return how small the parts of a window with so many expected pages may be.

        Small parts are worth it where one fetcher would still be at that window when all together
        are done with the others.

        Args:
            expected: pages to come in the window.
            besides: pages to come that no fetch under way is at.
        """
        # Of the oldest window nobody knows how far its sessions go back.
        coming = besides + sum(min(PART_PAGES, one.expected) for one in self._flying.values())
        most = FINE_CUTS_A_FETCHER * self._width() + FINE_CUTS_A_PAGE * (self._pages + coming)
        if self._queue or coming > END_PAGES * self._width():
            most *= 1 - FOR_THE_END
        last = expected > HEADROOM * coming / self._width()
        return LEAST_PART_PAGES if last and self._fine_cuts < most else FRUGAL_PART_PAGES

    def _load_is_due(self) -> bool:
        if not self._ready:
            return False
        nothing_to_wait_for = not self._flying and not self._queue
        pages = sum(fetched.pages for fetched in self._ready)
        waited = time.monotonic() - self._loaded_at
        return nothing_to_wait_for or pages >= LOAD_PAGES or waited >= LOAD_EVERY_S

    def _idle(self) -> int:
        return max(0, self._width() - len(self._flying) - len(self._queue))

    def _idle_share(self) -> int:
        """Return how many of the idle fetchers one rest is for, where more rests will follow."""
        rests = 1 + sum(budget.pages <= 0 for budget in self._flying.values())
        return math.ceil(self._idle() / rests)

    def _share(self) -> None:
        """Where fetchers idle, cut the longest fetches, so that their rest is shared out."""
        longest = sorted(self._flying.values(), key=lambda budget: -budget.expected)
        for budget in longest[: self._idle()]:
            least = self._least_part_pages(budget.expected)
            if budget.expected >= 2 * least and not budget.whole:
                budget.cut()

    def _submit_load(self, loader: ThreadPoolExecutor) -> None:
        batch: list[Fetched] = []
        pages = 0
        while self._ready and (not batch or pages + self._ready[0].pages <= LOAD_PAGES):
            batch.append(self._ready.popleft())
            pages += batch[-1].pages
        pending = [*(budget.window for budget in self._flying.values())]
        pending += [*(piece.window for *_, piece in self._queue)]
        pending += [*(fetched.read for fetched in self._ready)]
        self._loading_pages = pages
        self._loading = loader.submit(copy_context().run, self._load, batch, pending)

    def _add(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._added += 1  # settles ties, since pieces have no order
            place = (-piece.window.until, -piece.window.after, self._added, piece)
            heapq.heappush(self._queue, place)

    def _pages_for(self, piece: Piece) -> int:
        """Return a fetch's page budget: what its place in memory is, where it can be cut."""
        if piece.whole:
            return piece.budget
        share = (MOST_PAGES - LOAD_PAGES) // self._width()
        return min(piece.budget, max(LEAST_BUDGET_PAGES, share))

    def _has_room(self) -> bool:
        waiting = self._loading_pages + sum(fetched.pages for fetched in self._ready)
        coming = sum(budget.granted for budget in self._flying.values())
        return not self._flying or waiting + coming < MOST_PAGES

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
        with suppress(CheckoutsError):
            while self._ready:
                self._submit_load(loader)
                if self._loading is not None:
                    self._loading.result()
