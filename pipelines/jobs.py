"""What a run is to do, as plain values that may travel to another process or machine."""

from dataclasses import asdict, dataclass
from typing import Any

from pipelines import errors, runs
from pipelines.load import Counts
from pipelines.outcomes import Report
from pipelines.pipeline import Options
from pipelines.settings import Account, Settings
from pipelines.windows import Window


@dataclass(frozen=True)
class Job:
    """A sync, or the backfill of a window.

    Attributes:
        window: what a backfill reads; None for a sync.
        missing: read only what isn't covered of it.
        line_items: read all line items anew.
    """

    window: Window | None = None
    missing: bool = False
    line_items: bool = False

    def run(self, settings: Settings, account: Account, options: Options | None = None) -> Report:
        """Do it for one account.

        Raises:
            ConfigError: the account has no usable key.
        """
        if self.window is None:
            return runs.sync(settings, account, options)
        return runs.backfill(
            settings,
            account,
            self.window,
            options,
            missing=self.missing,
            line_items=self.line_items,
        )


def figures(report: Report) -> dict[str, Any]:
    """Return a report as plain values."""
    plain, error = asdict(report), report.error
    if error is None:
        return plain
    # Its own words alone: to show them, the id of the request is added to them.
    return plain | {"error": error.as_json() | {"message": str(error)}}


def report_of(plain: dict[str, Any]) -> Report:
    """Return the report that `figures` made plain."""
    report = Report(**plain | {"counts": Counts(**plain["counts"]), "error": None})
    if plain["error"] is not None:
        report.error = getattr(errors, plain["error"]["type"])(plain["error"]["message"])
        report.error.request_id = plain["error"]["request_id"]
    return report
