"""A run: plan what to read, fetch it side by side, load it; one sync or backfill of one account."""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines import __version__, identity, planner
from pipelines.errors import (
    CheckoutsError,
    ConfigError,
    WarehouseError,
    log_failure,
)
from pipelines.fetch import Fetched, Fetcher
from pipelines.keys import protection_of
from pipelines.line_items import Stored
from pipelines.load import Counts, Load, Origin, Read
from pipelines.outcomes import Report, outcome_of
from pipelines.pipeline import Fetch, Options, Pipeline, Progress
from pipelines.places import place_of
from pipelines.planner import Piece
from pipelines.publish import publish
from pipelines.settings import Account, Settings
from pipelines.state import Keys, State
from pipelines.stops import Stopped
from pipelines.stripe_api import StripeApi
from pipelines.warehouse import Warehouse
from pipelines.windows import Window, newest_covered, subtract, watermark

log = logging.getLogger(__name__)


def sync(settings: Settings, account: Account, options: Options | None = None) -> Report:
    """Bring one account's sessions up to date: read what isn't covered, and what is due again.

    What goes wrong is in the report, with what was loaded until then.

    Raises:
        ConfigError: the account has no usable key.
    """
    return _Run(settings, account, "sync", None, options or Options()).execute()


def backfill(
    settings: Settings,
    account: Account,
    window: Window,
    options: Options | None = None,
    *,
    missing: bool = False,
    line_items: bool = False,
) -> Report:
    """Read a range of one account again.

    Args:
        settings: the settings.
        account: the account.
        window: the range.
        options: how the run is wrapped.
        missing: read only what isn't covered of it.
        line_items: read all line items, also where a session and its first ten are as stored.

    Raises:
        ConfigError: the account has no usable key.
    """
    run = _Run(settings, account, "backfill", window, options or Options(), line_items=line_items)
    return run.execute(missing=missing)


def publish_changes(settings: Settings, reports: Sequence[Report]) -> None:
    """Publish what runs changed, unless one was stopped.

    A copy that can't be written makes the last of them a failure, and Ctrl-C the last that is none
    an interrupted one; what was loaded stays.
    """
    stopped = any(report.outcome == "interrupted" for report in reports)
    if stopped or not any(report.counts.windows for report in reports):
        return
    try:
        publish(settings)
    except CheckoutsError as error:
        last = reports[-1]
        last.outcome, last.error = "failed", last.error or error
    except KeyboardInterrupt:
        for last in [report for report in reports if report.error is None][-1:]:
            last.outcome = "interrupted"


class _Run:
    """The state of one run; `execute` is called once."""

    def __init__(
        self,
        settings: Settings,
        account: Account,
        kind: str,
        window: Window | None,
        options: Options,
        *,
        line_items: bool = False,
    ) -> None:
        self._settings = settings
        self._account = account
        self._window = window
        self._options = options
        self._began = time.monotonic()
        self._start = settings.start_of(account)
        self._ratio = settings.sync.reread_ratio
        self._protection = protection_of(settings)
        self._forgotten: set[str] = set()
        self._warehouse = Warehouse(place_of(settings.warehouse))
        self._api = StripeApi.of(settings, account, options.transport, options.patience)
        self._fetcher = Fetcher(
            self._api,
            settle_s=settings.sync.settle_s,
            line_items=settings.stripe.line_items,
            look_up=None if line_items else self._look_up,
            protection=self._protection,
            forgotten=self._forgotten,
        )
        self._fetch: Fetch = options.wrap(self._fetcher) if options.wrap else self._fetcher
        self._state = State()
        self._coverage: Sequence[Window] = ()
        self._known: dict[str, int] = {}
        self._livemode: bool | None = None
        self._started_at: int | None = None
        self._then: Window | None = None
        self._to_read: list[Window] = []
        self.report = Report(uuid.uuid4().hex, account.name, kind)

    def execute(self, *, missing: bool = False) -> Report:
        """Run to the end, whatever it is."""
        with self._options.stops.reaching(self._warehouse.stop, self._api.stop):
            self._try(missing=missing)
            self._end()
        return self.report

    def _try(self, *, missing: bool) -> None:
        try:
            self._begin()
            if self._window is None:
                self._read(self._sync())
            else:
                left = subtract(self._window, self._state.coverage if missing else [])
                self._read([Piece(window) for window in left])
        except (KeyboardInterrupt, Stopped):
            self.report.outcome = "interrupted"
        except CheckoutsError as error:
            self.report.outcome, self.report.error = "failed", error
        finally:
            self._api.close()
            self._fetcher.close()

    def _begin(self) -> None:
        late_payment_s = self._settings.sync.late_payment_s
        self._state = self._warehouse.state(
            self._account.name, self._api.fingerprint, late_payment_s
        )
        self._coverage = self._state.coverage
        self._known = {u.id: u.read_at for u in self._state.unsettled}
        self._livemode = self._state.livemode
        self._forgotten.update(self._state.forgotten)
        self._api.clock.see(self._state.api_time)
        identity.check_account(self._api, self._account, self._state, self._warehouse.name)

    def _look_up(self, ids: Sequence[str], oldest: int, newest: int) -> Mapping[str, Stored]:
        """Return which sessions are stored with all line items; called in fetchers' threads."""
        if not self._state.key_fingerprint:  # a new account, so nothing is stored
            return {}
        return self._warehouse.line_items(self._account.name, ids, oldest, newest)

    def _sync(self) -> list[Piece]:
        """Return the newest window; the time in its response lets `_follow` plan the rest."""
        self._to_read = planner.holes(self._start, self._state.coverage)
        newest = planner.newest(self._state, self._start, self._ratio)
        self._then = newest.window
        return [newest]

    def _follow(self, fetched: Fetched) -> Iterator[Piece]:
        """Return what else to read: after the newest window, what its time lets one plan."""
        if self._started_at is None:
            self._started_at = fetched.api_time
        if self._then is not None:
            newest, self._then = self._then, None
            yield from planner.rest(self._state, self._start, self._ratio, newest, fetched.api_time)

    def _read(self, pieces: Sequence[Piece]) -> None:
        self._to_read = self._to_read or [piece.window for piece in pieces]
        pipeline = Pipeline(
            fetch=self._fetch,
            load=self._load,
            follow=self._follow,
            stop=self._api.stop,
            width=lambda: self._api.in_flight,
            at_once=not self._state.key_fingerprint,  # a new account, so maybe a new warehouse
        )
        pipeline.run(pieces)
        self.report.outcome = outcome_of(self.report.counts)

    def _load(self, fetched: Sequence[Fetched], pending: Sequence[Window]) -> None:
        """Load windows in one transaction; runs in the loader's thread."""
        for one in fetched:
            stored = self._livemode
            identity.check_mode(one.livemode, stored, self._account, self._warehouse.name)
            self._livemode = one.livemode if stored is None else stored
        load = Load(
            origin=Origin(
                account=self._account.name,
                run_id=self.report.run_id,
                api_version=self._settings.stripe.api_version,
            ),
            fresh_s=planner.FRESH_S,
            late_payment_s=self._settings.sync.late_payment_s,
            reads=[Read(one.read, one.final, one.api_time, one.batch) for one in fetched],
            known=self._known,
            ended=self._state.ended,
            account_row={
                "account": self._account.name,
                "livemode": self._livemode,
                "key_fingerprint": self._api.fingerprint,
                "api_time": self._api.clock.latest,
                "sync_start": self._start,
            },
            timezone=self._settings.timezone,
            protection=self._protection,
            forgotten=self._forgotten,
        )
        pages = self.report.pages + sum(one.pages for one in fetched)

        def row(new: Counts) -> dict[str, Any]:
            counts = self.report.counts + new
            # Where nothing is left the load says how the run ended, so that no other write has to.
            outcome = "running" if pending else outcome_of(counts)
            return self._row() | {"outcome": outcome, "pages": pages} | counts.row()

        loaded = self._warehouse.load(load, row, self._check_still)
        self.report.counts += loaded.counts
        self.report.pages = pages
        self._coverage = loaded.coverage
        for one in fetched:
            named = {
                "account": self._account.name,
                **one.read.shown(),
                "sessions": one.batch.sessions.num_rows,
                "pages": one.pages,
            }
            log.info(
                "%(account)s: loaded %(after)s to %(until)s, sessions %(sessions)d",
                named,
                extra=named,
            )
        self._tell(pending)

    def _check_still(self, keys: Keys) -> None:
        begun, own = self._state.key_fingerprint, self._api.fingerprint
        identity.check_still(keys, begun, own, self._account, self._warehouse.name)

    def _tell(self, pending: Sequence[Window]) -> None:
        if self._options.progress is None:
            return
        now = self._api.clock.latest
        total = sum(min(w.until, now) - w.after for w in self._to_read)
        left = sum(min(w.until, now) - w.after for w in pending)
        self._options.progress(
            Progress(
                account=self._account.name,
                sessions=self.report.counts.row()["sessions_read"],
                requests=self._api.requests,
                elapsed_s=time.monotonic() - self._began,
                share=max(0.0, 1 - left / total) if total > 0 else 1.0,
                oldest=max((min(w.until, now) for w in pending), default=None),
            )
        )

    def _row(self) -> dict[str, Any]:
        """Return the run's row in `meta.runs` as of now."""
        report, error = self.report, self.report.error
        window = self._window
        return {
            "run_id": report.run_id,
            "account": report.account,
            "kind": report.kind,
            "outcome": report.outcome,
            # Before its first response it is as late as the latest run was.
            "started_at": self._started_at or self._api.clock.latest or None,
            "ended_at": self._api.clock.latest or None,
            "range_after": window.after if window else None,
            "range_until": window.until if window else None,
            "requests": self._api.requests,
            "retries": self._api.retries,
            "pages": report.pages,
            **report.counts.row(),
            "duration_s": time.monotonic() - self._began,
            "error_type": type(error).__name__ if error else None,
            "error_message": error.message if error else None,
            "request_id": error.request_id if error else None,
            "program_version": __version__,
            "privacy": self._protection.fingerprint,
        }

    def _end(self) -> None:
        """Complete the report, and write down a run that ended otherwise than by its last load."""
        report = self.report
        report.requests, report.retries = self._api.requests, self._api.retries
        report.watermark = watermark(self._coverage, self._start)
        report.newest_covered = newest_covered(self._coverage)
        report.begins = self._start if 0 < self._api.clock.latest < self._start else None
        report.duration_s = time.monotonic() - self._began
        if report.error is not None:
            log_failure(log, report.account, report.error)
        nothing_loaded = report.counts.windows == 0
        known_key = self._state.key_fingerprint == self._api.fingerprint or not nothing_loaded
        ended_early = report.outcome in ("failed", "interrupted")
        refused = isinstance(report.error, (ConfigError, WarehouseError))
        # A key that was not yet believed leaves no trace.
        if known_key and not refused and (ended_early or nothing_loaded):
            try:
                self._warehouse.note_run(self._row())
            except (WarehouseError, Stopped) as error:
                log.info("the run could not be written down: %s", error)
        if report.error is None and not nothing_loaded:
            try:
                self._warehouse.tidy()
            except (WarehouseError, Stopped) as error:
                log.info("the warehouse could not be put in order: %s", error)
