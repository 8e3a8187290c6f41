"""What a flow run leaves in Prefect to look at: progress, figures, differences."""

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from pipelines import words
from pipelines.findings import Findings
from pipelines.outcomes import Report
from pipelines.pipeline import Progress
from pipelines.settings import Settings

log = logging.getLogger(__name__)

LONG_S = 5.0
"""How long a run takes before its progress is worth showing, in seconds."""
EVERY_S = 3.0
MOST_DIFFERENCES = 1_000


class ProgressArtifacts:
    """A bar an account, for runs that take long; called after every load."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, UUID] = {}
        self._told: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        """Show how far an account is."""
        name, now = progress.account, time.monotonic()
        if progress.elapsed_s < LONG_S and name not in self._ids:
            return
        if progress.share < 1 and now - self._told.get(name, -EVERY_S) < EVERY_S:
            return
        self._told[name] = now
        _try(lambda: self._show(progress))

    def _show(self, progress: Progress) -> None:
        percent = round(100 * progress.share, 1)
        told = f"{progress.account}: {words.done(progress)}"
        with self._lock:
            known = self._ids.get(progress.account)
        if known is not None:
            update_progress_artifact(known, percent, told)
            return
        made = create_progress_artifact(percent, f"progress-{_key(progress.account)}", told)
        assert isinstance(made, UUID)
        with self._lock:
            self._ids[progress.account] = made


def figures(reports: Sequence[Report]) -> None:
    """Leave a table of what each account's run did."""
    rows = [_row(report) for report in reports]
    _try(lambda: create_table_artifact(rows, key="figures", description="What the run did"))


def differences(found: Sequence[Findings], settings: Settings) -> None:
    """Leave what a verification found, with the backfill that mends it."""
    text = "\n\n".join(_told(one, settings) for one in found)
    words = "The API against the warehouse"
    _try(lambda: create_markdown_artifact(text, key="differences", description=words))


def _row(report: Report) -> dict[str, Any]:
    shown = report.as_json()
    error = shown.pop("error", None)
    return shown | {"error": error["message"] if error else ""}


def _told(findings: Findings, settings: Settings) -> str:
    lines = [f"## {findings.account}", ""]
    error = findings.error
    lines.append(words.compared(findings) if error is None else error.message)
    listed = findings.differences[:MOST_DIFFERENCES]
    if listed:
        lines += ["", "| kind | session | fields |", "|---|---|---|"]
        lines += [f"| {d.kind} | `{d.id}` | {', '.join(d.paths)} |" for d in listed]
    if len(findings.differences) > len(listed):
        lines.append(f"\nand {len(findings.differences) - len(listed):,} more")
    named = len(settings.accounts) > 1
    mending = words.mending(findings, named=named, config_file=settings.file)
    if mending:
        lines += ["", f"To mend them: `{mending}`"]
    return "\n".join(lines)


def _key(account: str) -> str:
    """An account's name as Prefect's keys are: small letters, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", account.lower()).strip("-")


def _try(show: Callable[[], object]) -> None:
    try:
        show()
    except Exception as error:  # noqa: BLE001 -- a run doesn't fail because it can't be shown
        log.info("an artifact could not be made: %s", type(error).__name__)
