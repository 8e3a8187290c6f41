"""What a run did, as plain values that travel from one process to another."""

import json

import pytest

from pipelines.errors import CheckoutsError, ConfigError, TransientSourceError
from pipelines.jobs import figures, report_of
from pipelines.load import Counts
from pipelines.outcomes import Report


@pytest.mark.parametrize(
    "error",
    [
        None,
        ConfigError("no key"),
        TransientSourceError("the API answered 503", request_id="req_1"),
    ],
)
def test_a_report_that_has_travelled_says_what_it_said_before(error: CheckoutsError | None) -> None:
    outcome = "completed" if error is None else "failed"
    counts = Counts(windows=2, inserted=7)
    report = Report("run_1", "default", "sync", outcome, requests=3, counts=counts, error=error)
    travelled = report_of(json.loads(json.dumps(figures(report))))
    assert travelled.as_json() == report.as_json()
    assert travelled.exit_code == report.exit_code
