"""Sync, backfill and verify as Prefect flows, each window a task.

Nothing is derived from Prefect's state: a run that it lost is made up for by the next one.
"""

import atexit
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pipelines.prefect_environment  # noqa: F401 -- before Prefect, which reads it

# isort: split
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun, TerminationSignal
from prefect.runtime import deployment, flow_run, task_run
from prefect.states import Completed, Failed

from pipelines import artifacts, config, publish, runs, verify
from pipelines.accounts import side_by_side
from pipelines.artifacts import ProgressArtifacts
from pipelines.budget import Budget
from pipelines.errors import CheckoutsError, ConfigError
from pipelines.fetch import Fetched
from pipelines.findings import ALARMS, Findings
from pipelines.jobs import Job
from pipelines.keys import require_keys
from pipelines.moments import moment
from pipelines.outcomes import Report
from pipelines.pipeline import Fetch, Options
from pipelines.places import place_of
from pipelines.settings import Account, Settings
from pipelines.stops import Stopped
from pipelines.turn import turn
from pipelines.warehouse import Warehouse
from pipelines.windows import NO_END, Window, watermark

# Prefect's own threads hold DuckDB to the very end, when its binding complains of leaks.
atexit.register(os.dup2, os.open(os.devnull, os.O_WRONLY), 2)


def _in_a_line(record: logging.LogRecord) -> bool:
    """Leave the traceback out of what Prefect logs of a failure that its own line explains."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, (CheckoutsError, Stopped, FailedRun)):
        record.exc_info = record.exc_text = None
    return True


for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(_in_a_line)

collected: ContextVar[list[Any] | None] = ContextVar("collected", default=None)
"""Where a caller in this process finds what a flow run did."""
refused: ContextVar[list[CheckoutsError] | None] = ContextVar("refused", default=None)
"""Where it finds why a flow run could not do anything."""

Told = TypeVar("Told", Report, Findings)

NAMED_ACCOUNTS = 3
"""So many accounts are named in a flow run's name; of more it says how many."""


def _run_name() -> str:
    """Return a flow run's name: its accounts, and its range or the watermark it begins at."""
    given = flow_run.get_parameters()
    names = given.get("accounts") or []
    try:
        settings = config.load(given.get("config_file"))
        names = [account.name for account in settings.chosen(names)]
        what = _range_name(given) if "start" in given else _watermark_name(settings, names)
    except CheckoutsError:
        what = ""
    shown = ", ".join(names) if len(names) <= NAMED_ACCOUNTS else f"{len(names)} accounts"
    return f"{shown} {what}".strip()


@flow(name="sync-checkout-sessions", flow_run_name=_run_name, persist_result=False)
def sync_checkout_sessions(
    accounts: list[str] | None = None, config_file: Path | None = None
) -> State:
    """Bring the warehouse up to date.

    Args:
        accounts: names of accounts in config.yaml; all by default.
        config_file: the settings; else config.yaml from the working directory upward.
    """
    return _write(accounts, config_file, Job(), may_skip=True)


@flow(name="backfill-checkout-sessions", flow_run_name=_run_name, persist_result=False)
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
    if (nonsense := _nonsense(start, end)) is not None:
        return nonsense
    job = Job(_window(start, end), missing=missing, line_items=line_items)
    return _write(accounts, config_file, job, may_skip=False)


@flow(name="verify-checkout-sessions", flow_run_name=_run_name, persist_result=False)
def verify_checkout_sessions(
    start: datetime | None = None,
    end: datetime | None = None,
    accounts: list[str] | None = None,
    config_file: Path | None = None,
) -> State:
    """Compare what is stored with what the API has; writes nothing.

    Args:
        start: first moment to compare; UTC unless it has an offset; all by default.
        end: first moment no longer compared; all by default.
        accounts: names of accounts in config.yaml; all by default.
        config_file: the settings; else config.yaml from the working directory upward.
    """
    window = None
    if start is not None or end is not None:
        if (nonsense := _nonsense(start, end)) is not None:
            return nonsense
        window = _window(start, end)

    def run(settings: Settings, account: Account, options: Options) -> Findings:
        return verify.verify(settings, account, window, options)

    try:
        settings, chosen = _begin(accounts, config_file)
        found = _side_by_side(settings, chosen, run)
    except CheckoutsError as error:
        return _refusal(error)
    artifacts.differences(found, settings)
    wrong = [f"{f.account}: {_what_differs(f)}" for f in found if f.exit_code]
    if wrong:
        return Failed(message="; ".join(wrong))
    return Completed(message="; ".join(f"{f.account}: {f.compared:,} compared" for f in found))


def _write(
    accounts: list[str] | None,
    config_file: Path | None,
    job: Job,
    *,
    may_skip: bool,
) -> State:
    """Run accounts when it is this run's turn, and tell Prefect what they did."""
    try:
        settings, chosen = _begin(accounts, config_file)
        publish.check(settings)
        # Who starts a run by hand, without a deployment, wants it to happen.
        skip = may_skip and settings.sync.overlap == "skip" and deployment.id is not None
        with _turn(settings, wait=not skip) as mine:
            if not mine:
                return Completed(
                    name="Skipped", message="another run writes to the warehouse (sync.overlap)"
                )
            reports = _run(settings, chosen, job)
            runs.publish_changes(settings, reports)
    except CheckoutsError as error:
        return _refusal(error)
    artifacts.figures(reports)
    failures = [f"{r.account}: {r.error.message}" for r in reports if r.error is not None]
    if failures:
        return Failed(message="; ".join(failures))
    if any(report.outcome == "interrupted" for report in reports):
        raise KeyboardInterrupt  # what was loaded stays; Prefect calls such a run crashed
    return Completed(message="; ".join(_summary(report) for report in reports))


def _begin(
    accounts: list[str] | None, config_file: Path | None
) -> tuple[Settings, tuple[Account, ...]]:
    """Return the settings and the accounts, each with its key there."""
    settings = config.load(config_file)
    chosen = settings.chosen(accounts or [])
    require_keys(chosen)
    return settings, chosen


def _turn(settings: Settings, *, wait: bool) -> AbstractContextManager[bool]:
    """Hold the turn to write to a file; to a lake all may write."""
    if settings.warehouse.catalog is not None:
        return nullcontext(True)
    return turn(settings.warehouse.path, wait=wait)


def _run(settings: Settings, accounts: Sequence[Account], job: Job) -> list[Report]:
    """Run accounts where the settings say."""
    if settings.run.task_runner == "threads":
        return _side_by_side(settings, accounts, job.run)
    try:
        from pipelines import cluster  # noqa: PLC0415 -- an extra
    except ImportError:
        raise ConfigError(
            "run.task_runner is dask, and prefect-dask isn't installed; install this program with"
            " its extra `dask`",
            key="run.task_runner",
        ) from None
    return _collected(cluster.side_by_side(settings, accounts, job))


def _side_by_side(
    settings: Settings,
    accounts: Sequence[Account],
    run: Callable[[Settings, Account, Options], Told],
) -> list[Told]:
    # Prefect would leave out what is below a warning.
    logging.getLogger("pipelines").setLevel(logging.INFO)
    progress = ProgressArtifacts()
    first = Options(progress=progress)
    told: dict[str, Told] = {}

    def run_one(account: Account) -> Told:
        prefix = f"{account.name} " if len(accounts) > 1 else ""
        wrap = partial(_as_task, prefix=prefix)
        options = Options(wrap=wrap, progress=progress, stops=first.stops)
        told[account.name] = run(settings, account, options)
        return told[account.name]

    try:
        return _collected(side_by_side(accounts, run_one, first.stops, settings.run.workers))
    except TerminationSignal:  # which ends the flow run, but they have ended and say what they did
        _collected([told[account.name] for account in accounts if account.name in told])
        raise


def _collected(told: list[Told]) -> list[Told]:
    """Give what runs did to who waits for it in this process."""
    found = collected.get()
    if found is not None:
        found.extend(told)
    return told


def _refusal(error: CheckoutsError) -> State:
    """Return the failure of a run that could not begin, and give its error to who waits for it."""
    errors = refused.get()
    if errors is not None:
        errors.append(error)
    return Failed(message=error.message)


def _nonsense(start: datetime | None, end: datetime | None) -> State | None:
    """Return the failure of a range that is none."""
    try:
        window = _window(start, end)
    except ValueError as error:
        return Failed(message=str(error))
    if window.until > window.after:
        return None
    return Failed(message=f"end {end} is not after start {start}; swap them, or set a later end")


def _window(start: datetime | None, end: datetime | None) -> Window:
    """Return the window from `start` up to `end`, without a bound where one is None."""
    first = moment(start.isoformat()) if start is not None else -NO_END
    last = moment(end.isoformat()) if end is not None else NO_END
    return Window(first - 1, last - 1)


def _summary(report: Report) -> str:
    counts = report.counts
    return (
        f"{report.account}: {counts.inserted:,} new, {counts.updated:,} changed,"
        f" {counts.unchanged:,} unchanged in {report.requests:,} requests"
    )


def _what_differs(findings: Findings) -> str:
    if findings.error is not None:
        return findings.error.message
    kinds = (f"{len(found)} {kind}" for kind in ALARMS if (found := findings.of(kind)))
    return ", ".join(kinds) or findings.outcome


def _as_task(fetch: Fetch, prefix: str) -> Fetch:
    """Make every window a task run; its retries stay those of each request."""

    @task(
        name="fetch-window",
        task_run_name=lambda: f"{prefix}{_window_name()}",
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
    return f"{_minute(window.after + 1)} → {'now' if window.open_ended else _minute(window.until)}"


def _range_name(given: dict[str, Any]) -> str:
    ends = (given.get("start"), given.get("end"))
    if ends == (None, None):
        return "all"
    return " → ".join(str(end)[:16].replace("T", " ") if end else "…" for end in ends)


def _watermark_name(settings: Settings, names: Sequence[str]) -> str:
    """Return where the accounts' reading begins: the oldest watermark."""
    warehouse = Warehouse(place_of(settings.warehouse))
    if not warehouse.exists:
        return "first load"
    marks = []
    for account in settings.chosen(names):
        (rows,) = warehouse.answers(("state/coverage", {"account": account.name}))
        coverage = [Window(row["after"], row["until"]) for row in rows]
        marks.append(watermark(coverage, settings.start_of(account)))
    known = [mark for mark in marks if mark is not None]
    return f"from {_minute(min(known))}" if len(known) == len(marks) else "history"


def _minute(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M}"
