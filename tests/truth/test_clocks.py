"""Only the API's clock counts: this machine's may be wrong by days or years."""

import time
from collections.abc import Callable

import pytest
from truth_shop import (
    DAY_S,
    HOUR_S,
    SETTLE_S,
    Place,
    assert_coverage_is_sane,
    assert_equal,
    assert_history_is_a_chain,
    may_still_change,
    meant,
    shown,
)

from pipelines.emulator.app import Running

Start = Callable[..., Running]
Install = Callable[..., Place]
YEAR_S = 365 * DAY_S


@pytest.mark.parametrize("ahead_s", [-DAY_S, DAY_S, 10 * YEAR_S])
def test_with_a_machine_whose_clock_is_off_everything_follows_the_apis_time(
    ahead_s: int, start: Start, install: Install
) -> None:
    begin = int(time.time()) - ahead_s
    emulator = start(sessions=200, days=5, days_ahead=5, now=begin, late_s=SETTLE_S)
    first = time.strftime("%Y-%m-%d", time.gmtime(begin - 100 * DAY_S))
    place = install(emulator.url, sync__reread_ratio=0, sync__start=first)
    for step in (0, 0, 1, SETTLE_S, HOUR_S, DAY_S, 2 * DAY_S):
        emulator.advance(step)
        now = int(emulator.now)
        report = place.sync()
        assert report.outcome == "completed", report.error
        api = shown(emulator)
        assert_equal(place, api)
        assert_coverage_is_sane(place, now)
        assert report.watermark == report.newest_covered == place.coverage()[-1][1]
        # Frozen, the Date is the API's time to the second; only what a request took is taken off.
        assert now - SETTLE_S - 30 < report.watermark <= now - SETTLE_S
        ids = {id_ for id_, text in api.items() if may_still_change(meant(text), now)}
        assert place.unsettled() == dict.fromkeys(ids, now)
        (seen,) = place.rows(
            "select epoch_us(min(observed_at)) // 1000000, epoch_us(max(observed_at)) // 1000000,"
            " epoch_us(min(first_observed_at)) // 1000000 from checkout_sessions"
        )
        assert begin <= min(seen)
        assert max(seen) <= now
        ran = place.rows(
            "select epoch_us(started_at) // 1000000, epoch_us(ended_at) // 1000000 from meta.runs"
        )
        assert (now, now) in ran
    assert_history_is_a_chain(place)
    assert place.verify().exit_code == 0
    emulator.advance(70 * DAY_S)
    place.sync()
    emulator.advance(5)
    emulator.reset()
    assert place.sync().requests == emulator.stats()["requests"] == 1


def test_before_the_first_date_ever_read_nothing_is_covered(start: Start, install: Install) -> None:
    emulator = start(sessions=50, days=2)
    later = time.strftime("%Y-%m-%d", time.gmtime(emulator.now + 5 * DAY_S))
    place = install(emulator.url, sync__start=later)
    report = place.sync()
    assert report.outcome == "completed", report.error
    assert report.watermark is report.newest_covered is None
    assert place.coverage() == []
    place = install(emulator.url)
    assert place.sync().outcome == "completed"
    assert_equal(place, shown(emulator))
