"""A range of the API against what is stored; writes nothing.

Read in rounds: all covered windows of the range, then again what holds the seconds in which the two
differ, the API first and the stored rows after it, so that a sync that runs beside it is not taken
for a difference.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines import identity, planner
from pipelines.batches import Batch
from pipelines.children import LINE_ITEMS
from pipelines.errors import CheckoutsError, log_failure
from pipelines.fetch import Fetched, Fetcher
from pipelines.findings import Difference, Findings, differing
from pipelines.keys import protection_of
from pipelines.pipeline import Options, Pipeline, Progress
from pipelines.places import place_of
from pipelines.planner import BUDGET_PAGES, Due, Piece
from pipelines.settings import Account, Settings
from pipelines.stops import Stopped
from pipelines.stripe_api import StripeApi
from pipelines.warehouse import Warehouse
from pipelines.windows import NO_END, Window, intersect, newest_covered, subtract

log = logging.getLogger(__name__)

CONFIRMATIONS = 2
"""How often a difference is looked at again before it is believed."""


def verify(
    settings: Settings,
    account: Account,
    window: Window | None = None,
    options: Options | None = None,
) -> Findings:
    """Compare what is stored of a range, all by default, with what the API has.

    What goes wrong is in the findings.

    Raises:
        ConfigError: the account has no usable key.
        WarehouseError: there is no warehouse.
    """
    warehouse = Warehouse(place_of(settings.warehouse))
    warehouse.require()
    verification = _Verification(settings, account, warehouse, options or Options())
    return verification.execute(window)


class _Verification:
    def __init__(
        self, settings: Settings, account: Account, warehouse: Warehouse, options: Options
    ) -> None:
        self._settings = settings
        self._account = account
        self._warehouse = warehouse
        self._stops = options.stops
        self._progress = options.progress
        self._api = StripeApi.of(
            settings, account, options.transport, options.patience, loads=False
        )
        self._protection = protection_of(settings)
        self._forgotten: set[str] = set()
        self._fetch = Fetcher(
            self._api,
            settle_s=settings.sync.settle_s,
            line_items=settings.stripe.line_items,
            protection=self._protection,
            forgotten=self._forgotten,
        )
        self._began = time.monotonic()
        self._last_sync = 0
        self._livemode: bool | None = None
        self._compared = 0
        self._to_read: Sequence[Window] = ()
        self._found: dict[str, Difference] = {}
        self._doubted: set[int] | None = None  # all seconds at first

    def execute(self, window: Window | None) -> Findings:
        findings = Findings(self._account.name)
        with self._stops.reaching(self._warehouse.stop, self._api.stop):
            self._try(findings, window)
        findings.differences = sorted(self._found.values(), key=lambda d: (d.created, d.id))
        return findings

    def _try(self, findings: Findings, window: Window | None) -> None:
        try:
            self._to_read = self._begin(findings, window)
            self._compare([Piece(covered) for covered in self._to_read])
            findings.compared = self._compared
            for _ in range(CONFIRMATIONS):
                self._confirm()
        except Stopped:
            findings.interrupted = True
        except CheckoutsError as error:
            findings.error = error
            log_failure(log, self._account.name, error)
        finally:
            self._api.close()
            self._fetch.close()

    def _begin(self, findings: Findings, window: Window | None) -> list[Window]:
        """Check the key, note the holes, and return what can be compared."""
        late_payment_s = self._settings.sync.late_payment_s
        state = self._warehouse.state(self._account.name, self._api.fingerprint, late_payment_s)
        identity.check_account(self._api, self._account, state, self._warehouse.name)
        self._livemode = state.livemode
        self._forgotten.update(state.forgotten)
        self._api.clock.see(state.api_time)
        ((row,),) = self._warehouse.answers(("verify/last_sync", {"account": self._account.name}))
        self._last_sync = row["started_at"] or 0
        findings.holes = subtract(self._asked(window, state.coverage), state.coverage)
        return intersect(window, state.coverage) if window else list(state.coverage)

    def _asked(self, window: Window | None, coverage: Sequence[Window]) -> Window:
        """Return the range that was asked for, whatever is covered of it."""
        after, end = window or Window(-NO_END - 1, NO_END)
        # Without a first moment it begins where syncs do: nothing is missed before.
        if after < -NO_END:
            after = self._settings.start_of(self._account) - 1
        if end < NO_END - 1:
            return Window(after, end)
        # Without a last one it ends where syncs have come to, if they have come to it at all.
        newest = newest_covered(coverage)
        return Window(after, newest if newest is not None and newest > after else NO_END)

    def _confirm(self) -> None:
        """Look again at the seconds in which something differs, with few requests."""
        self._doubted = {found.created for found in self._found.values()}
        self._found = {}
        if not self._doubted:
            return
        doubted = {"account": self._account.name, "seconds": sorted(self._doubted)}
        (rows,) = self._warehouse.answers(("verify/ranks", doubted))
        dues = [Due(row["second"], row["before"], row["through"]) for row in rows]
        self._compare(planner.rereads(dues, self._to_read))

    def _compare(self, pieces: Sequence[Piece]) -> None:
        if not pieces:
            return
        pipeline = Pipeline(
            fetch=self._fetch,
            load=self._take,
            stop=self._api.stop,
            width=lambda: self._api.in_flight,
        )
        pipeline.run(pieces)

    def _take(self, fetched: Sequence[Fetched], pending: Sequence[Window]) -> None:
        """Compare windows; runs where loads run, so after their pages were read."""
        for few in _portions(fetched):
            self._look(few)
        self._tell(pending)

    def _look(self, fetched: Sequence[Fetched]) -> None:
        """Compare windows with what is stored of them now."""
        windows = [{"account": self._account.name, **one.read._asdict()} for one in fetched]
        answers = self._warehouse.answers(
            *(("verify/stored", window) for window in windows),
            *(("verify/rejects", window) for window in windows),
        )
        count = len(fetched)
        for one, stored, rejects in zip(fetched, answers[:count], answers[count:], strict=True):
            identity.check_mode(one.livemode, self._livemode, self._account, self._warehouse.name)
            rejected = {row["id"] for row in rejects}
            for found in self._differences(one, {row["id"]: row for row in stored}, rejected):
                if self._doubted is None or found.created in self._doubted:
                    self._found[found.id] = found
            named = {"account": self._account.name, **one.read.shown(), "pages": one.pages}
            log.info("%(account)s: compared %(after)s to %(until)s", named, extra=named)

    def _differences(
        self, fetched: Fetched, stored: Mapping[str, Mapping[str, Any]], rejected: set[str]
    ) -> Iterator[Difference]:
        sessions = fetched.batch.sessions
        seen = dict(zip(_column(sessions, "id"), _column(sessions, "payload"), strict=True))
        created = dict(zip(_column(sessions, "id"), _column(sessions, "created"), strict=True))
        items = _line_items(fetched.batch)
        self._compared += len(seen) + len(fetched.batch.rejects)
        for reject, _ in fetched.batch.rejects:
            yield Difference("rejected", reject.head.id, reject.head.created)
        for id_, text in seen.items():
            second = int(created[id_].timestamp())
            row = stored.get(id_)
            if row is None:
                yield Difference("rejected" if id_ in rejected else "missing", id_, second)
            elif paths := list(differing(row, text, items.get(id_))):
                yield self._changed(id_, second, paths, row)
            elif row["missing"]:
                yield Difference("stale", id_, second, ("missing_since",))
        returned = seen.keys() | {reject.head.id for reject, _ in fetched.batch.rejects}
        for id_, row in stored.items():
            if id_ not in returned and not row["missing"]:
                yield Difference("unknown", id_, row["created"])

    def _changed(
        self, id_: str, second: int, paths: Sequence[str], row: Mapping[str, Any]
    ) -> Difference:
        asked = (self._settings.stripe.api_version, self._protection.fingerprint)
        if (row["api_version"], row["privacy"]) != asked:
            return Difference("reshaped", id_, second)
        if row["reason"] is not None and not self._overdue(row):
            return Difference("pending", id_, second)
        return Difference("stale", id_, second, tuple(paths))

    def _overdue(self, row: Mapping[str, Any]) -> bool:
        """Whether the last complete sync should have read an unsettled session, and did not."""
        return row["read_at"] < self._last_sync and planner.is_due(
            row["created"],
            row["read_at"],
            row["reason"],
            self._last_sync,
            self._settings.sync.reread_ratio,
        )

    def _tell(self, pending: Sequence[Window]) -> None:
        if self._progress is None:
            return
        total = sum(window.seconds for window in self._to_read)
        left = sum(window.seconds for window in pending)
        self._progress(
            Progress(
                account=self._account.name,
                sessions=self._compared,
                requests=self._api.requests,
                elapsed_s=time.monotonic() - self._began,
                share=1 - left / total if total else 1.0,
                oldest=max((window.until for window in pending), default=None),
            )
        )


def _portions(fetched: Sequence[Fetched]) -> Iterator[list[Fetched]]:
    """Cut windows into portions of as many pages as one of them may have, which bounds memory."""
    few: list[Fetched] = []
    for one in fetched:
        if few and sum(each.pages for each in [*few, one]) > BUDGET_PAGES:
            yield few
            few = []
        few.append(one)
    if few:
        yield few


def _line_items(batch: Batch) -> dict[str, list[str]]:
    """Return the payloads of the sessions' line items, in order, where they were read."""
    sessions = batch.sessions
    flags = zip(_column(sessions, "id"), _column(sessions, "line_items_complete"), strict=True)
    items: dict[str, list[str]] = {id_: [] for id_, complete in flags if complete is not None}
    rows = batch.children.get(LINE_ITEMS.name)
    if rows is not None:
        ordered = rows.sort_by([("session_id", "ascending"), ("position", "ascending")])
        found = zip(_column(ordered, "session_id"), _column(ordered, "payload"), strict=True)
        for id_, text in found:
            items[id_].append(text)
    return items


def _column(table: Any, name: str) -> list[Any]:
    values: list[Any] = table.column(name).to_pylist()
    return values
