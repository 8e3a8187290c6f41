"""What a run did: the object that `--json` prints and the exit code."""

from dataclasses import dataclass, field
from typing import Any

from pipelines.errors import EXIT_INTERRUPTED, EXIT_REJECTS, CheckoutsError
from pipelines.load import Counts
from pipelines.windows import iso


@dataclass
class Report:
    """What a run did, as `--json` prints it.

    Attributes:
        begins: the first second that syncs read, where the API's time hasn't come to it yet.
    """

    run_id: str
    account: str
    kind: str
    outcome: str = "running"
    requests: int = 0
    retries: int = 0
    pages: int = 0
    counts: Counts = field(default_factory=Counts)
    watermark: int | None = None
    newest_covered: int | None = None
    begins: int | None = None
    duration_s: float = 0.0
    error: CheckoutsError | None = None

    left_behind = "what was loaded stays, and the next run goes on from there"

    @property
    def exit_code(self) -> int:
        """The exit code that says the outcome."""
        if self.error is not None:
            return self.error.exit_code
        return {
            "completed": 0,
            "completed_with_rejects": EXIT_REJECTS,
            "interrupted": EXIT_INTERRUPTED,
        }[self.outcome]

    def as_json(self) -> dict[str, Any]:
        """Return the contract's object: times in ISO 8601 UTC."""
        shown: dict[str, Any] = {
            "run_id": self.run_id,
            "account": self.account,
            "outcome": self.outcome,
            "requests": self.requests,
            "retries": self.retries,
            "pages": self.pages,
            **self.counts.row(),
            "watermark": iso(self.watermark),
            "newest_covered": iso(self.newest_covered),
            "duration_s": round(self.duration_s, 3),
        }
        if self.error is not None:
            shown["error"] = self.error.as_json()
        return shown


def outcome_of(counts: Counts) -> str:
    """Return the outcome of a run that read all it meant to."""
    return "completed_with_rejects" if counts.rejected else "completed"
