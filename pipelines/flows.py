"""Sync and backfill as Prefect flows, each window a task; the only module that imports Prefect.

Nothing is derived from Prefect's state: a run that it lost is made up for by the next one.
"""

import logging
import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

# Read by Prefect when it is imported; whoever set them keeps what they set.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
# Its server takes about as long to start as its default timeout.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")

import httpx
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import task_run
from prefect.settings import get_current_settings
from prefect.states import Completed, Failed

from pipelines import config, display, runs
from pipelines.config import Account, Settings
from pipelines.errors import ConfigError, UsageError
from pipelines.fetch import Budget, Fetched
from pipelines.pipeline import Fetch, Options
from pipelines.runs import Report
from pipelines.windows import Window

_reports: ContextVar[list[Report] | None] = ContextVar("reports", default=None)
"""Where a caller in this process finds what a flow run did."""


@flow(name="sync-checkout-sessions", persist_result=False)
def sync_checkout_sessions(
    accounts: list[str] | None = None, config_file: Path | None = None
) -> State:
    """Bring the warehouse up to date.

    Args:
        accounts: names of accounts in config.yaml; all by default.
        config_file: the settings; else config.yaml from the working directory upward.
    """
    return _run(accounts, config_file, runs.sync)


@flow(name="backfill-checkout-sessions", persist_result=False)
def backfill_checkout_sessions(
    start: datetime,
    end: datetime,
    *,
    missing: bool = False,
    line_items: bool = False,
    accounts: list[str] | None = None,
    config_file: Path | None = None,
) -> State:
    """Read a range of dates again.

    Args:
        start: first moment to read; UTC unless it has an offset.
        end: first moment no longer read.
        missing: read only what isn't covered of the range.
        line_items: read all line items, changed or not.
        accounts: names of accounts in config.yaml; all by default.
        config_file: the settings; else config.yaml from the working directory upward.
    """
    first, last = config.moment(start.isoformat()), config.moment(end.isoformat())
    if last <= first:
        raise ConfigError(f"end {end.isoformat()} is not after start {start.isoformat()}")
    window = Window(first - 1, last - 1)

    def run(settings: Settings, account: Account, options: Options) -> Report:
        return runs.backfill(
            settings, account, window, options, missing=missing, line_items=line_items
        )

    return _run(accounts, config_file, run)


def run_sync(accounts: Sequence[str], config_file: Path | None) -> list[Report]:
    """Sync as a flow run and return what it did.

    Raises:
        ConfigError: the configured Prefect API doesn't answer.
    """
    return _collect(
        lambda: sync_checkout_sessions(
            accounts=list(accounts), config_file=config_file, return_state=True
        )
    )


def run_backfill(
    accounts: Sequence[str],
    window: Window,
    config_file: Path | None,
    *,
    missing: bool,
    line_items: bool,
) -> list[Report]:
    """Backfill as a flow run and return what it did.

    Raises:
        ConfigError: the configured Prefect API doesn't answer.
    """
    return _collect(
        lambda: backfill_checkout_sessions(
            start=datetime.fromtimestamp(window.after + 1, UTC),
            end=datetime.fromtimestamp(window.until + 1, UTC),
            missing=missing,
            line_items=line_items,
            accounts=list(accounts),
            config_file=config_file,
            return_state=True,
        )
    )


def api_address() -> str | None:
    """Return the configured Prefect API, None if a temporary server will be used.

    Raises:
        ConfigError: one is configured but doesn't answer.
    """
    address = get_current_settings().api.url
    if address is None:
        return None
    try:
        healthy = httpx.get(f"{address}/health", timeout=10).is_success
    except httpx.HTTPError:
        healthy = False
    if not healthy:
        raise ConfigError(
            f"the Prefect API at {address} doesn't answer; start it, or unset PREFECT_API_URL,"
            " or run without --prefect",
            key="PREFECT_API_URL",
        )
    return address


def _collect(call: Callable[[], State]) -> list[Report]:
    if api_address() is None:
        display.note(
            "starting Prefect's own temporary server, which takes about 20 s;"
            " PREFECT_API_URL names a running one"
        )
    # Prefect prints a traceback for each failed task; the run's own line says it once.
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    reports: list[Report] = []
    token = _reports.set(reports)
    try:
        state = call()
    finally:
        _reports.reset(token)
    for report in reports:
        if report.error is not None:  # its frames would keep DuckDB and Arrow to the very end
            report.error.__traceback__ = None
    if not reports:
        raise UsageError(f"the flow run failed before it began: {state.message}")
    return reports


def _run(
    accounts: list[str] | None,
    config_file: Path | None,
    run: Callable[[Settings, Account, Options], Report],
) -> State:
    settings = config.load(config_file)
    options = Options(wrap=_as_task)
    reports = runs.one_after_the_other(
        settings, settings.chosen(accounts or []), lambda account: run(settings, account, options)
    )
    collected = _reports.get()
    if collected is not None:
        collected.extend(reports)
    failures = [f"{r.account}: {r.error.message}" for r in reports if r.error is not None]
    if failures:
        return Failed(message="; ".join(failures))
    return Completed(message="; ".join(_summary(report) for report in reports))


def _summary(report: Report) -> str:
    counts = report.counts
    return (
        f"{report.account}: {counts.inserted:,} new, {counts.updated:,} changed,"
        f" {counts.unchanged:,} unchanged in {report.requests:,} requests"
    )


def _as_task(fetch: Fetch) -> Fetch:
    """Make every window a task run; its retries stay those of each request."""

    @task(
        name="fetch-window",
        task_run_name=_window_name,
        persist_result=False,
        cache_policy=NO_CACHE,
        retries=0,
    )
    def fetch_window(after: int, until: int) -> Fetched:
        window = Window(after, until)
        return fetch(window, budgets.pop(window))

    def fetch_as_task(window: Window, budget: Budget) -> Fetched:
        budgets[window] = budget
        return fetch_window(window.after, window.until)

    # Shared with the run while the task is under way, so it is none of the task's parameters.
    budgets: dict[Window, Budget] = {}

    return fetch_as_task


def _window_name() -> str:
    """Return a window as `2026-10-01 00:00 → 2026-10-03 14:20`."""
    given = task_run.get_parameters()
    window = Window(given["after"], given["until"])

    def shown(second: int) -> str:
        return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M}"

    return f"{shown(window.after)} → {'now' if window.open_ended else shown(window.until)}"
