"""One window of the API to columns: pages, budget, and the checks between pages."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipelines.batches import Batch, Reject, join
from pipelines.budget import Budget
from pipelines.flatten import Flattener, Session
from pipelines.line_items import LineItems, LookUp
from pipelines.privacy import NOTHING, Protection
from pipelines.stripe_api import PAGE_SIZE, Page, Params, StripeApi
from pipelines.windows import NO_END, Window, final_part

PAGES_A_BATCH = 2
"""Pages laid out as columns together. Columns take less room than what they are made from, so it
isn't put off longer than pays."""
MOST_AGAIN = 10
"""Sessions that are read twice at the most where a window is cut: those of the second it is cut at.
Where more share a second, as in a sale, the next page is read first."""
MOST_OVER = 8
"""For how many pages a cut is put off for that."""


@dataclass(frozen=True)
class Fetched:
    """What a fetch brought of its window.

    Attributes:
        read: the part of it that was read completely, always up to its end.
        rest: what is left of it, None if nothing is.
        final: the part that counts as covered once it is committed, None for nothing.
        batch: the sessions of `read`.
        api_time: API time of the first response, epoch seconds.
        pages: responses it took.
        per_second: sessions a second over all that was seen, 0 without any.
        livemode: the sessions' mode, None without any.
    """

    read: Window
    rest: Window | None
    final: Window | None
    batch: Batch
    api_time: int
    pages: int
    per_second: float
    livemode: bool | None


class Fetcher:
    """Reads windows of one account; called with a window and a page budget.

    Args:
        api: the account's access to the API.
        settle_s: how long a session may take to appear, in seconds.
        line_items: whether line items are read with the sessions.
        look_up: tells which sessions are stored with all line items; else all are read.
        protection: what is taken out of every session.
        forgotten: ids of sessions whose personal fields stay empty.
    """

    def __init__(
        self,
        api: StripeApi,
        *,
        settle_s: int,
        line_items: bool,
        look_up: LookUp | None = None,
        protection: Protection = NOTHING,
        forgotten: Collection[str] = (),
    ) -> None:
        self._api = api
        self._settle_s = settle_s
        self._expand = [("expand[]", "data.line_items")] if line_items else []
        self._flattener = Flattener(
            line_items=line_items, protection=protection, forgotten=forgotten
        )
        self._turn = threading.Lock()
        self._line_items = LineItems(api, self._flattener, self._turn, look_up)

    def __call__(self, window: Window, budget: Budget) -> Fetched:
        """Read a window, or its newest part where it has more pages than the budget.

        What is taken back meanwhile isn't read; a page that reaches into it is kept down to there.
        One second can't be cut, so one with many sessions is read to its end, whatever the budget.

        Raises:
            SourceError: the API failed or broke its contract; nothing of the window counts.
            WarehouseError: what is stored can't be looked up.
        """
        paging = _Paging(window, self._flattener)
        cut_at = None
        while True:
            asked = budget.window
            page = self._api.list_sessions(self._params(asked, paging.cursor))
            # Python runs one thread at a time; those that wait here leave it to the loader.
            with self._turn:
                paging.take(page, asked)
            if not page.has_more:
                break
            more = budget.spend(paging.oldest, paging.per_second)
            if paging.oldest <= budget.window.after:  # what follows is read by others
                break
            cheap = paging.at_oldest <= MOST_AGAIN or budget.pages <= -MOST_OVER
            if not more and cheap and paging.oldest < paging.newest:
                cut_at = paging.oldest
                break
        own = budget.close()
        rest = None if cut_at is None or cut_at <= own.after else Window(own.after, cut_at)
        read = Window(rest.until if rest else own.after, window.until)
        return Fetched(
            read=read,
            rest=rest,
            final=final_part(read, paging.seen_from, self._settle_s),
            # The second that was cut is read again with the rest, so it is left to it.
            batch=self._line_items.complete(self._batch(paging, read.after)),
            api_time=paging.api_time,
            pages=paging.pages,
            per_second=paging.per_second,
            livemode=paging.livemode,
        )

    def close(self) -> None:
        """Let its threads go; nothing is read any more."""
        self._line_items.close()

    def _batch(self, paging: "_Paging", after: int) -> Batch:
        with self._turn:
            return paging.batch(after)

    def _params(self, window: Window, cursor: str | None) -> Params:
        params = [("limit", str(PAGE_SIZE)), ("created[gt]", str(window.after))]
        if window.until < NO_END:
            params.append(("created[lte]", str(window.until)))
        if cursor is not None:
            params.append(("starting_after", cursor))
        return params + self._expand


class _Paging:
    """The pages of one window so far, and what they must keep to."""

    def __init__(self, window: Window, flattener: Flattener) -> None:
        self.cursor: str | None = None
        self.newest = self.oldest = window.until
        self.at_oldest = 0
        self.pages = 0
        self.seen_from = 0
        self.api_time = 0
        self.livemode: bool | None = None
        self._window = window
        self._flattener = flattener
        self._ids: set[str] = set()
        self._batches: list[Batch] = []
        self._seen: list[tuple[Session | Reject, int]] = []

    @property
    def per_second(self) -> float:
        """Sessions a second over all that was seen, the empty time above them too."""
        if not self._ids:
            return 0.0
        top = max(min(self._window.until, self.seen_from), self.newest)
        return len(self._ids) / (top - self.oldest + 1)

    def take(self, page: Page, asked: Window) -> None:
        """Take one more page, of the window that was asked for.

        Raises:
            SourceContractError: it doesn't go on from the one before as it must.
        """
        try:
            items = self._flattener.decode(page.data)
        except ValueError as error:
            raise page.breach(str(error)) from None
        self.pages += 1
        if self.pages == 1:
            self.seen_from, self.api_time = page.seen_from, page.api_time
        if not items and page.has_more:
            raise page.breach("an empty page that says there is more")
        self._check(items, page, asked)
        self._seen += [(item, page.api_time) for item in items]
        if self.pages % PAGES_A_BATCH == 0:
            self._lay_out()

    def batch(self, after: int) -> Batch:
        """Return what was taken, without what was created at `after` or before."""
        if self._seen or not self._batches:
            self._lay_out()
        return join(self._batches, after)

    def _lay_out(self) -> None:
        self._batches.append(self._flattener.to_batch(self._seen))
        self._seen = []

    def _check(self, items: Sequence[Session | Reject], page: Page, asked: Window) -> None:
        for item in items:
            head = item.head
            if head.created not in asked:
                raise page.breach("a session created outside the window asked for")
            if self._ids and head.created > self.oldest:
                raise page.breach("sessions that are not newest first")
            if head.id in self._ids:
                raise page.breach("the same session twice, so its cursor isn't moving")
            if item.livemode is not None and self.livemode not in (None, item.livemode):
                raise page.breach("sessions of live and test mode together")
            self.livemode = self.livemode if item.livemode is None else item.livemode
            if not self._ids:
                self.newest = head.created
            self._ids.add(head.id)
            self.at_oldest = self.at_oldest + 1 if head.created == self.oldest else 1
            self.oldest = head.created
            self.cursor = head.id
