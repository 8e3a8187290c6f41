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
from pipelines.budget import Budget, pages_in
from pipelines.errors import CheckoutsError
from pipelines.fetch import Fetched
from pipelines.pace import MOST_IN_FLIGHT
from pipelines.planner import (
    BUDGET_PAGES,
    PROBED_PAGES,
    UNSEEN_PAGES,
    Piece,
    most_cuts,
    probes,
    shares,
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


MOST_PAGES = 160
"""Pages in memory from which on no fetch begins."""
MOST_COMING = 60
"""Pages that the fetches under way may bring then, where that leaves each a few."""
LOAD_PAGES = 80
"""Pages that are loaded in one transaction, and worth one of their own at once."""
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
        load: writes what was fetched; gets the windows still to come, none where all is read.
        follow: what else to read, by what a fetch made known.
        stop: makes fetches under way end soon.
        width: tells how many windows to fetch at a time, at this moment.
        at_once: load what comes first at once. To make a warehouse takes hundreds of statements,
            each of which waits for Python's lock; many fetchers would make that seconds.
    """

    def __init__(
        self,
        *,
        fetch: Fetch,
        load: Callable[[Sequence[Fetched], Sequence[Window]], None],
        follow: Callable[[Fetched], Iterable[Piece]] = lambda _: (),
        stop: Callable[[], None],
        width: Callable[[], int],
        at_once: bool = False,
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
        self._loaded_at = -math.inf if at_once else time.monotonic()
        self._pages = self._cuts = 0
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
        self._share()
        while self._queue and len(self._flying) < self._width() and self._has_room():
            *_, piece = heapq.heappop(self._queue)
            pages = self._pages_for(piece)
            budget = Budget(piece.window, pages, whole=piece.whole, per_second=piece.per_second)
            # Each in a context of its own, so that what wraps the fetch finds its run.
            future = fetchers.submit(copy_context().run, self._fetch, piece.window, budget)
            self._flying[future] = budget
        if self._loading is None and self._load_is_due():
            self._submit_load(loader)
        running: list[Future[Any]] = [*self._flying]
        if self._loading is not None:
            running.append(self._loading)
        look_again_s = LOOK_EVERY_S if self._idle() or self._ready else None
        done, _ = wait(running, look_again_s, FIRST_COMPLETED)
        if self._loading is not None and self._loading in done:
            self._loading.result()  # a load that failed stays, so that none follows it
            self._loading = None
            self._loading_pages = 0
            self._loaded_at = time.monotonic()
        for future in [future for future in self._flying if future in done]:
            self._take(future)

    def _take(self, future: Future[Fetched]) -> None:
        """Take what a fetch brought, and plan what follows from it."""
        fetched = future.result()  # a fetch that failed stays, as one whose window is still to come
        budget = self._flying.pop(future)
        self._pages += fetched.pages
        if fetched.per_second:
            self._oldest = min(self._oldest, fetched.read.after)
        self._add(self._pieces(fetched, budget))
        self._add(self._follow(fetched))
        self._ready.append(fetched)

    def _pieces(self, fetched: Fetched, budget: Budget) -> list[Piece]:
        """Return how the rest of a fetch's window is read."""
        rest = fetched.rest
        if rest is None:
            return []
        many = pages_in(rest, budget.per_second) > PROBED_PAGES
        if many and self._idle() and not budget.whole and rest.after < self._oldest_seen():
            return probes(rest, budget.per_second)
        return [Piece(rest, BUDGET_PAGES, per_second=budget.per_second)]

    def _share(self) -> None:
        """Where fetchers idle, give them a share of what others haven't asked for yet."""
        flying = [budget for budget in self._flying.values() if budget.spare and not budget.whole]
        if not flying or not self._idle():
            return
        seen = self._oldest_seen()
        unseen = {budget for budget in flying if _end_unseen(budget, seen)}
        spare = [
            min(budget.spare, UNSEEN_PAGES) if budget in unseen else budget.spare
            for budget in flying
        ]
        pages = self._pages + len(self._flying) + sum(spare)
        worth_it = most_cuts(pages, self._width()) - self._cuts
        given = shares(spare, min(self._idle(), worth_it), self._width())
        for budget, parts in zip(flying, given, strict=True):
            if parts and budget not in unseen:
                windows = budget.take(parts)
                self._cuts += len(windows)
                self._add(
                    Piece(window, BUDGET_PAGES, per_second=budget.per_second) for window in windows
                )
            elif parts and budget.read and budget.window == min(self._windows()):
                budget.cut()  # so that its rest is probed; the others wait for what is older

    def _load_is_due(self) -> bool:
        if not self._ready:
            return False
        nothing_to_wait_for = not self._flying and not self._queue
        pages = sum(fetched.pages for fetched in self._ready)
        waited = time.monotonic() - self._loaded_at
        return nothing_to_wait_for or pages >= LOAD_PAGES or waited >= LOAD_EVERY_S

    def _idle(self) -> int:
        return max(0, self._width() - len(self._flying) - len(self._queue))

    def _oldest_seen(self) -> float:
        """Return how far back a session was seen."""
        flying = (budget.oldest for budget in self._flying.values() if budget.read)
        return min(self._oldest, min(flying, default=math.inf))

    def _windows(self) -> list[Window]:
        """Return what is read or waits to be."""
        flying = [budget.window for budget in self._flying.values()]
        return flying + [piece.window for *_, piece in self._queue]

    def _submit_load(self, loader: ThreadPoolExecutor) -> None:
        batch: list[Fetched] = []
        pages = 0
        while self._ready and (not batch or pages + self._ready[0].pages <= LOAD_PAGES):
            batch.append(self._ready.popleft())
            pages += batch[-1].pages
        pending = self._windows() + [fetched.read for fetched in self._ready]
        self._loading_pages = pages
        self._loading = loader.submit(copy_context().run, self._load, batch, pending)

    def _add(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._added += 1  # settles ties, since pieces have no order
            place = (-piece.window.until, -piece.window.after, self._added, piece)
            heapq.heappush(self._queue, place)

    def _pages_for(self, piece: Piece) -> int:
        """Return a fetch's page budget: small where many together would bring too much."""
        if piece.whole:
            return piece.budget
        share = MOST_COMING // self._width()
        return min(piece.budget, max(LEAST_BUDGET_PAGES, share))

    def _has_room(self) -> bool:
        waiting = self._loading_pages + sum(fetched.pages for fetched in self._ready)
        read = sum(budget.read for budget in self._flying.values())
        return not self._flying or waiting + read < MOST_PAGES

    def _save(self, loader: ThreadPoolExecutor) -> None:
        """Load what was read completely before something went wrong, unless loading did."""
        if self._loading is not None:
            try:
                self._loading.result()
            except CheckoutsError:
                return
        for future in list(self._flying):
            with suppress(CheckoutsError):
                self._take(future)
        with suppress(CheckoutsError):
            while self._ready:
                self._submit_load(loader)
                if self._loading is not None:
                    self._loading.result()


def _end_unseen(budget: Budget, oldest_seen: float) -> bool:
    """Whether nobody knows how far back the sessions of a fetch's window go."""
    if budget.read and budget.spare <= PROBED_PAGES:
        return False
    return budget.window.after < oldest_seen
