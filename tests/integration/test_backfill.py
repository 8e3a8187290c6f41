"""A backfill reads exactly the range that it names."""

from collections.abc import Callable

import pytest
from comparison import assert_coverage_is_sane, assert_equal
from installation import DAY_S, HOUR_S, NOW, SETTLE_S, Installation, one_line, windows_asked

from pipelines.emulator.app import Running

Start = Callable[..., Running]
Install = Callable[..., Installation]


def seconds_asked(emulator: Running) -> list[tuple[int, int]]:
    """All windows asked for, merged where they touch, oldest first; each has an end."""
    merged: list[tuple[int, int]] = []
    for after, until in sorted(windows_asked(emulator.requests())):
        assert until is not None, "asked without an end"
        if merged and after <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(until, merged[-1][1]))
        else:
            merged.append((after, until))
    return merged


def test_a_backfill_asks_for_exactly_its_range_and_covers_it(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=500, days=20)
    place = install(emulator.url)
    first, end = NOW - 10 * DAY_S, NOW - 5 * DAY_S
    report = place.backfill(first, end)
    assert report.outcome == "completed"
    assert seconds_asked(emulator) == [(first - 1, end - 1)]
    assert place.coverage() == [(first - 1, end - 1)]
    inside = {s["id"] for s in emulator.sessions() if first <= s["created"] < end}
    assert {each for (each,) in place.rows("select id from checkout_sessions")} == inside
    assert report.counts.inserted == len(inside)
    assert report.watermark is None
    assert report.newest_covered == end - 1


def test_a_second_backfill_reads_it_all_again_and_changes_nothing(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=400, days=20)
    place = install(emulator.url)
    first, end = NOW - 10 * DAY_S, NOW - 5 * DAY_S
    inserted = place.backfill(first, end).counts.inserted
    emulator.reset()
    report = place.backfill(first, end)
    assert seconds_asked(emulator) == [(first - 1, end - 1)]
    assert report.counts.unchanged == report.counts.row()["sessions_read"] == inserted
    assert place.coverage() == [(first - 1, end - 1)]


def test_missing_reads_only_the_holes(start: Start, install: Install) -> None:
    emulator = start(sessions=400, days=20)
    place = install(emulator.url)
    day = NOW - 12 * DAY_S
    place.backfill(day, day + DAY_S)
    place.backfill(day + 3 * DAY_S, day + 4 * DAY_S)
    emulator.reset()
    place.backfill(day - DAY_S, day + 5 * DAY_S, missing=True)
    assert seconds_asked(emulator) == [
        (day - DAY_S - 1, day - 1),
        (day + DAY_S - 1, day + 3 * DAY_S - 1),
        (day + 4 * DAY_S - 1, day + 5 * DAY_S - 1),
    ]
    assert place.coverage() == [(day - DAY_S - 1, day + 5 * DAY_S - 1)]
    emulator.reset()
    report = place.backfill(day - DAY_S, day + 5 * DAY_S, missing=True)
    assert (report.requests, report.outcome) == (0, "completed")
    assert emulator.stats()["requests"] == 0
    assert place.runs()[-1] == ("backfill", "completed")


def test_a_backfill_into_the_future_covers_nothing_of_the_future(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=400, days=20, days_ahead=10)
    place = install(emulator.url)
    report = place.backfill(NOW - DAY_S, NOW + 3 * DAY_S)
    assert report.error is None
    ((after, until),) = place.coverage()
    assert after == NOW - DAY_S - 1
    assert until <= NOW - SETTLE_S
    emulator.advance(2 * DAY_S)
    place.sync(sync__reread_ratio=0)
    assert_equal(place, emulator)


def test_a_backfill_of_the_future_alone_covers_nothing(start: Start, install: Install) -> None:
    emulator = start(sessions=100, days_ahead=10)
    place = install(emulator.url)
    for first in (NOW - SETTLE_S, NOW, NOW + DAY_S):
        report = place.backfill(first, NOW + 2 * DAY_S)
        assert report.outcome == "completed"
        assert place.coverage() == []
    emulator.advance(3 * DAY_S)
    place.sync(sync__reread_ratio=0)
    assert_equal(place, emulator)


def test_a_sync_after_backfills_reads_only_what_is_left(start: Start, install: Install) -> None:
    emulator = start(sessions=500, days=60, days_ahead=0)
    emulator.advance(70 * DAY_S)
    place = install(emulator.url)
    for days in (75, 90, 110):
        place.backfill(NOW + (70 - days) * DAY_S, NOW + (77 - days) * DAY_S)
    before = place.coverage()
    assert len(before) == 3
    emulator.reset()
    place.sync()
    for after, until in windows_asked(emulator.requests()):
        end = until if until is not None else 2**40
        assert not [c for c in before if max(after, c[0]) < min(end, c[1])]
    assert_equal(place, emulator)


def test_a_start_moved_back_opens_a_hole_and_moved_forward_forgets_nothing(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=400, days=40, days_ahead=0)
    emulator.advance(70 * DAY_S)
    place = install(emulator.url)
    later = NOW - 20 * DAY_S
    shown = "2026-09-01T14:13:20"
    first = place.sync(sync__start=shown)
    assert place.coverage() == [(later - 1, first.watermark)]
    stored = place.value("select count(*) from checkout_sessions")
    assert 0 < stored < 400
    emulator.reset()
    emulator.advance(600)
    second = place.sync(sync__start="2020-01-01")
    assert second.counts.inserted == 400 - stored
    asked = [w for w in windows_asked(emulator.requests()) if w[1] is not None]
    assert max(until for _, until in asked) == later - 1
    assert_equal(place, emulator)
    covered = place.coverage()
    third = place.sync(sync__start=shown)
    assert third.requests == 1
    assert place.coverage() == covered
    assert_equal(place, emulator)


def test_a_hole_made_by_hand_is_read_by_the_next_sync(start: Start, install: Install) -> None:
    emulator = start(sessions=400, days=20, days_ahead=0)
    emulator.advance(70 * DAY_S)
    place = install(emulator.url)
    place.sync()
    ((after, until),) = place.coverage()
    hole = (NOW - 9 * DAY_S, NOW - 8 * DAY_S)
    place.change(
        "delete from meta.coverage;"
        f"insert into meta.coverage values ('default', {after}, {hole[0]}),"
        f" ('default', {hole[1]}, {until});"
        "delete from checkout_sessions where created > to_timestamp"
        f"({hole[0]}) and created <= to_timestamp({hole[1]})"
    )
    gone = 400 - place.value("select count(*) from checkout_sessions")
    assert gone > 0
    status = place.call("status", "--json").object
    assert len(status["holes"]) == 1
    emulator.reset()
    report = place.sync()
    assert report.counts.row()["sessions_read"] == report.counts.inserted == gone
    assert [w for w in windows_asked(emulator.requests()) if w[1]]
    assert_coverage_is_sane(place, emulator.now)
    assert_equal(place, emulator)


def test_dates_of_the_command_become_the_seconds_on_the_wire(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=10)
    place = install(emulator.url)
    day = 1_785_542_400  # 2026-08-01T00:00:00Z
    cases = {
        ("2026-08-01", "2026-08-02"): (day, day + DAY_S),
        ("2026-08-01T02:00:00+02:00", "2026-08-01T00:00:01Z"): (day, day + 1),
        ("2026-08-01T00:00:00.25", "2026-08-01T00:00:01.75"): (day + 1, day + 2),
        ("2026-07-31T19:00:00-05:00", "2026-08-01 01:00:00"): (day, day + HOUR_S),
    }
    for (first, end), (begin, stop) in cases.items():
        emulator.reset()
        assert place.call("backfill", "--from", first, "--to", end).code == 0
        assert seconds_asked(emulator) == [(begin - 1, stop - 1)]


@pytest.mark.parametrize(
    ("first", "end", "words"),
    [
        ("2026-08-02", "2026-08-01", "not after"),
        ("2026-08-01", "2026-08-01", "not after"),
        ("2026-08-01T00:00:00.2", "2026-08-01T00:00:00.9", "not after"),
        ("yesterday", "2026-08-01", "--from"),
        ("2026-02-30", "2026-08-01", "--from"),
        ("2026-08-01", "tomorrow", "--to"),
        ("", "2026-08-01", "--from"),
        ("2026-08-01", "1785542400", "--to"),
        ("2026-08-01", "2026-08-01T25:00", "--to"),
        ("2026-13-01", "2026-08-01", "--from"),
        ("10000-01-01", "2026-08-01", "--from"),
        ("0001-01-01T00:00+14:00", "2026-08-01", "--from"),
        ("2026-08-01", "9999-12-31T23:59:59.5-14:00", "--to"),
    ],
)
def test_a_range_that_is_none_is_refused_before_anything_is_asked(
    first: str, end: str, words: str, start: Start, install: Install
) -> None:
    emulator = start(sessions=10)
    place = install(emulator.url)
    done = place.call("backfill", "--from", first, "--to", end)
    assert done.code == 2
    assert words in one_line(done.err)
    assert done.out == ""
    assert emulator.stats()["requests"] == 0
    assert not place.warehouse.parent.exists()


@pytest.mark.parametrize(
    ("first", "end"),
    [
        ("0001-01-01", "2026-08-01"),
        ("2026-08-01", "9999-12-31T23:59:59.5"),
        ("1969-12-31", "1970-01-02"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_the_widest_ranges_are_read_or_refused_in_one_line(
    first: str, end: str, zone: str, start: Start, install: Install
) -> None:
    emulator = start(sessions=10)
    place = install(emulator.url)
    done = place.call("backfill", "--from", first, "--to", end, CHECKOUTS_TIMEZONE=zone)
    assert done.code in (0, 2, 3)
    if done.code:
        one_line(done.err)


def test_what_backfills_leave_is_what_their_union_is(start: Start, install: Install) -> None:
    emulator = start(sessions=250, days=10)
    place = install(emulator.url)
    ranges = [(8, 7), (6, 4), (7, 6), (5, 3), (1, 0)]
    for first, end in ranges:
        place.backfill(NOW - first * DAY_S, NOW - end * DAY_S)
    assert_coverage_is_sane(place, NOW)
    assert [after for after, _ in place.coverage()] == [NOW - 8 * DAY_S - 1, NOW - DAY_S - 1]
    stored = {each for (each,) in place.rows("select id from checkout_sessions")}
    assert stored == {
        s["id"]
        for s in emulator.sessions()
        if any(NOW - a * DAY_S <= s["created"] < NOW - b * DAY_S for a, b in ranges)
    }
