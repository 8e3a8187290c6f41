"""A command's work as a flow run of this process."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx

from pipelines import display, flows  # flows first: it says what Prefect reads when imported
from pipelines.errors import CheckoutsError, ConfigError, UsageError
from pipelines.findings import Findings
from pipelines.outcomes import Report
from pipelines.routes import check_proxies, without_user
from pipelines.windows import NO_END, Window

# isort: split
from prefect import tags
from prefect.client.schemas.objects import State
from prefect.settings import get_current_settings

Told = TypeVar("Told", Report, Findings)

TAG = "checkout-sessions"
"""What all flow runs of this program are tagged with."""


def run_sync(accounts: Sequence[str], config_file: Path | None) -> list[Report]:
    """Sync as a flow run and return what it did.

    Raises:
        ConfigError: the configured Prefect API doesn't answer.
        CheckoutsError: what kept the run from beginning.
    """
    found: list[Report] = []
    return _collect(
        found,
        lambda: flows.sync_checkout_sessions(
            accounts=list(accounts), config_file=config_file, return_state=True
        ),
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
        CheckoutsError: what kept the run from beginning.
    """
    found: list[Report] = []
    start, end = _bounds(window)
    assert start is not None
    assert end is not None
    return _collect(
        found,
        lambda: flows.backfill_checkout_sessions(
            start=start,
            end=end,
            missing=missing,
            line_items=line_items,
            accounts=list(accounts),
            config_file=config_file,
            return_state=True,
        ),
    )


def run_verify(
    accounts: Sequence[str], window: Window | None, config_file: Path | None
) -> list[Findings]:
    """Verify as a flow run and return what it found.

    Raises:
        ConfigError: the configured Prefect API doesn't answer.
        CheckoutsError: what kept the run from beginning.
    """
    found: list[Findings] = []
    start, end = _bounds(window) if window is not None else (None, None)
    return _collect(
        found,
        lambda: flows.verify_checkout_sessions(
            start=start,
            end=end,
            accounts=list(accounts),
            config_file=config_file,
            return_state=True,
        ),
    )


def api_address() -> str | None:
    """Return the configured Prefect API, None if there is none.

    Raises:
        ConfigError: one is configured but doesn't answer, or the environment names a proxy that is
            none.
    """
    check_proxies()
    address = get_current_settings().api.url
    if address is None:
        return None
    if not answers(address):
        raise ConfigError(
            f"the Prefect API at {without_user(address)} doesn't answer; start it, or unset"
            " PREFECT_API_URL, or run without --prefect",
            key="PREFECT_API_URL",
        )
    return address


def answers(address: str) -> bool:
    """Whether a Prefect API answers at an address."""
    key = get_current_settings().api.key
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        return httpx.get(f"{address}/health", timeout=10, headers=headers).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _bounds(window: Window) -> tuple[datetime | None, datetime | None]:
    """Return a window's first moment and the first one after it, None where it has no bound."""
    first, end = window.after + 1, window.until + 1
    return (
        datetime.fromtimestamp(first, UTC) if first > -NO_END else None,
        datetime.fromtimestamp(end, UTC) if end < NO_END else None,
    )


def _collect(found: list[Told], call: Callable[[], State]) -> list[Told]:
    if api_address() is None:
        display.note(
            "starting Prefect's own temporary server, which takes about 20 s;"
            " PREFECT_API_URL names a running one"
        )
    # Prefect prints a traceback for each failed task; the run's own line says it once.
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("pipelines").propagate = False
    errors: list[CheckoutsError] = []
    tokens = flows.collected.set(found), flows.refused.set(errors)
    why = ""
    try:
        with tags(TAG):
            why = str(call().message)
    except KeyboardInterrupt:  # told by the reports, if it got so far
        if not found:
            raise
    finally:
        flows.collected.reset(tokens[0])
        flows.refused.reset(tokens[1])
    for error in (*errors, *(one.error for one in found)):
        if error is not None:  # its frames would keep DuckDB and Arrow to the very end
            error.__traceback__ = None
    if not found and errors:
        raise errors[0]
    if not found:
        raise UsageError(f"the flow run failed before it began: {why}")
    return found
