"""Everything that can go wrong with an answer, while each command reads.

Whatever happens, a run ends complete and equal to the API, or fails with one line and leaves whole
windows alone.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installation import Installation
from mistreated import assert_one_line, assert_whole_windows, one_line
from truth_shop import DAY_S, HOUR_S, NOW, Place, assert_equal, shown

from pipelines.emulator.app import Running
from pipelines.emulator.faults import KINDS
from pipelines.errors import CheckoutsError, SourceContractError, TransientSourceError
from pipelines.outcomes import Report
from pipelines.runs import Options
from pipelines.stripe_api import Patience
from pipelines.verify import verify

Start = Callable[..., Running]
Install = Callable[..., Place]
Tried = Callable[[str], None]

HASTY = Options(patience=Patience(timeout_s=0.4, first_backoff_s=0.01))
MOST_RUNS = 3
ALWAYS = ("endless", "repeat", "unordered", "twice", "both-modes")
"""What a page of few sessions, or of none, can't show."""
SILENT = ("drip", "hang")
REFUSED = ("html", "redirect", "repeat", "no-list", "has-more-text", "endless", "data-null")
REFUSED += ("other-object", "no-id", "created-text", "outside", "unordered", "twice", "both-modes")
REFUSED += ("no-date", "bad-date", "old-date", "flood")
WORDS = {
    "429": "429 without a reason",
    "429-reason": "429 with a reason",
    "lock-timeout": "429 `lock_timeout`",
    "500": "500",
    "503": "503",
    "502-html": "502 with a page of HTML",
    "html": "200 with a page of HTML",
    "redirect": "a redirect to another host",
    "cut": "a body cut off in its middle",
    "repeat": "the first page again, whatever the cursor",
    "no-list": "an answer that is no list",
    "has-more-text": "`has_more` that is no boolean",
    "endless": "`has_more` without end",
    "data-null": "`data` that is no list",
    "other-object": "an element that is no session",
    "no-id": "a session without an id",
    "created-text": "a session whose `created` is no number",
    "outside": "a session outside the window asked for",
    "unordered": "sessions that are not newest first",
    "twice": "a session twice on a page",
    "both-modes": "live and test mode on one page",
    "no-date": "no `Date`",
    "bad-date": "a `Date` that can't be read",
    "old-date": "a `Date` an hour back",
    "reset": "a connection reset before the answer",
    "reset-body": "a connection reset within the body",
    "close-body": "a connection closed within the body",
    "slow": "a slow body",
    "drip": "a body of a byte now and then",
    "flood": "a body without end",
    "hang": "a connection that stays silent",
}


def outcome(first: Report, last: Report) -> str:
    """What the README says of a first load that met a fault, and a sync that didn't."""
    assert last.outcome == "completed"
    if first.error is not None:
        return f"refused, exit {first.exit_code}; the next run completes"
    return "tried again, complete" if first.retries else "complete"


def believable(error: CheckoutsError | None, kind: str | None) -> bool:
    """Whether a fault, one of any kind for None, may end a run in this way."""
    if error is not None:
        assert_one_line(error.message)
    if isinstance(error, TransientSourceError):
        return kind not in REFUSED and "given up after" in error.message
    return error is None or (isinstance(error, SourceContractError) and kind in (None, *REFUSED))


def until_complete(run: Callable[[], Report], kind: str | None) -> Iterator[Report]:
    """Run again while runs fail, a few times."""
    for _ in range(MOST_RUNS):
        report = run()
        assert believable(report.error, kind), report.error
        assert report.exit_code == (0 if report.error is None else 3)
        yield report
        if report.outcome == "completed":
            return


def test_every_kind_of_fault_is_tried() -> None:
    assert set(WORDS) == set(KINDS)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.tried(WORDS[kind])) for kind in KINDS]
)
def test_a_first_load_that_meets_a_fault_ends_as_the_readme_says(
    kind: str, start: Start, install: Install, tried: Tried
) -> None:
    # So dense that windows have pages, for one kind seconds, which can't be cut.
    sessions = 12_000 if kind == "repeat" else 320
    emulator = start(sessions=sessions, days=0.001, days_ahead=0)
    emulator.fault(f"{kind}=1" if kind in ALWAYS else f"{kind}@2")
    place = install(emulator.url, sync__reread_ratio=0)
    first = place.sync(HASTY if kind in SILENT else None)
    assert believable(first.error, kind), first.error
    assert emulator.stats()["faults"][kind] >= 1
    api = shown(emulator)
    assert_whole_windows(place, api, emulator.now)
    emulator.fault()
    last = place.sync()
    assert_equal(place, api)
    tried(outcome(first, last))


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_third_of_the_answers_goes_wrong_and_runs_end_equal_or_with_one_line(
    kind: str, start: Start, install: Install
) -> None:
    emulator = start()
    place = install(emulator.url, sync__reread_ratio=0)
    goes_through_a_life(emulator, place, kind, f"{kind}=0.3")


def test_a_fifth_goes_wrong_in_all_ways_together(start: Start, install: Install) -> None:
    emulator = start(sessions=400)
    place = install(emulator.url, sync__reread_ratio=0)
    shares = (f"{kind}={0.2 / len(KINDS):.5f}" for kind in KINDS)
    goes_through_a_life(emulator, place, None, *shares)


def goes_through_a_life(emulator: Running, place: Place, kind: str | None, *faults: str) -> None:
    """First load, sync, backfill and verify; right after each that completes all is equal."""

    def sync() -> Report:
        return place.sync(HASTY)

    def backfill() -> Report:
        return place.backfill(NOW - 6 * DAY_S, NOW + 2 * DAY_S, HASTY)

    for run in (sync, sync, backfill):
        emulator.fault(*faults)
        emulator.advance(HOUR_S)
        api = shown(emulator)
        for report in until_complete(run, kind):
            assert_whole_windows(place, api, emulator.now)
            if report.outcome == "completed":
                assert_equal(place, api)
    emulator.fault()
    assert place.sync().outcome == "completed"
    assert_equal(place, api)
    emulator.fault(*faults)
    settings = place.settings()
    for _ in range(2):
        found = verify(settings, settings.chosen()[0], None, HASTY)
        assert believable(found.error, kind), found.error
        assert found.alarms == []
    emulator.fault()


def test_a_list_that_goes_wrong_is_shown_or_told_in_one_line(start: Start, tmp_path: Path) -> None:
    emulator = start()
    place = Installation(tmp_path / "asked", emulator.url, stripe__retry_for_s=0)
    for kind in KINDS:
        if kind in SILENT:  # a minute each
            continue
        emulator.fault(f"{kind}=1")
        done = place.call("list")
        assert done.code in (0, 3), (kind, done)
        if done.code:
            assert_one_line(one_line(done.err))
