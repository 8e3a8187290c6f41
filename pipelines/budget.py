"""What a fetch may still read: a window and a number of pages, of which others may get a share.

A window is read page after page, so where its sessions lie dense, one fetcher would still be at it
when all others are done. What it hasn't asked for yet can be given to them at any moment: it goes
on to the new border, they begin there at once.
"""

import threading
from itertools import pairwise

from pipelines.stripe_api import PAGE_SIZE
from pipelines.windows import NO_END, Window

BELIEF_PAGES = 3
"""Pages that weigh as much as what was believed of a window's density before they were read."""
CERTAIN_SHARE = 0.8
"""How much of the page that is asked for surely lies above the border, if that is to be its last:
a page that falls short of the border costs another."""


def pages_in(window: Window, per_second: float) -> float:
    """Return how many pages a window has at a density."""
    return per_second * window.seconds / PAGE_SIZE


class Budget:
    """How much a fetch may read; whoever gave it may take back what isn't asked for yet.

    Args:
        window: the window that is fetched.
        pages: after how many pages to hand back what is left of it.
        whole: whether nothing is ever taken back.
        per_second: sessions a second that it is believed to have, 0 if nobody knows.
    """

    def __init__(
        self, window: Window, pages: int, *, whole: bool = False, per_second: float = 0.0
    ) -> None:
        self.window = window
        self.pages = pages
        self.whole = whole
        self.per_second = self._believed = per_second
        self.oldest = window.until
        """How far the fetch is."""
        self.read = 0
        """Pages that came so far."""
        self._closed = False
        self._turn = threading.Lock()

    @property
    def spare(self) -> float:
        """Pages to come besides the one that is asked for, by the density seen."""
        if self._closed or not self.per_second or self.oldest >= NO_END:
            return 0.0
        left = Window(self.window.after, self.oldest)
        return max(0.0, pages_in(left, self.per_second) - 1)

    def spend(self, oldest: int, per_second: float) -> bool:
        """Note how far the fetch is and return whether another page may be asked for."""
        with self._turn:
            self.oldest = oldest
            self.pages -= 1
            self.read += 1
            self.per_second = self._weighed(per_second)
            return self.pages > 0

    def cut(self) -> None:
        """Make the fetch hand back the rest after the page it is at."""
        self.pages = 0

    def take(self, parts: int) -> list[Window]:
        """Take back what isn't asked for yet, but one equal part, newest first.

        Returns:
            As many windows, or fewer where there are too few seconds. Together with what the
            fetch keeps they are its window as it was.
        """
        with self._turn:
            spare = self.spare
            if not spare:
                return []
            share = spare / (parts + 1)
            kept = 1 + share
            if share < 1:  # not worth a request of its own
                kept, share = CERTAIN_SHARE, (spare + 1 - CERTAIN_SHARE) / parts
            page_s = PAGE_SIZE / self.per_second
            borders = [self.oldest - round((kept + n * share) * page_s) for n in range(parts)]
            borders = sorted({*borders, self.window.after}, reverse=True)
            if len(borders) == 1 or borders[0] >= self.oldest:
                return []
            self.window = Window(borders[0], self.window.until)
            return [Window(after, until) for until, after in pairwise(borders)]

    def close(self) -> Window:
        """Return the window that the fetch is left with; nothing is taken back from now on."""
        with self._turn:
            self._closed = True
            return self.window

    def _weighed(self, seen: float) -> float:
        """Return the density to believe in: a page of a sale says little of the days around it."""
        if not (seen and self._believed):
            return seen
        weight = self.read / (self.read + BELIEF_PAGES)
        return float(seen**weight * self._believed ** (1 - weight))
