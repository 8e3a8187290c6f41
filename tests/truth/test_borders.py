"""Many sessions in one second, wherever a window, a page, a part or the watermark ends."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from truth_shop import (
    DAY_S,
    NOW,
    SETTLE_S,
    START,
    Place,
    assert_coverage_is_sane,
    assert_equal,
    handmade,
    shown,
)

from pipelines.emulator.app import Running

Start = Callable[..., Running]
Install = Callable[..., Place]
CROWDS = [1, 100, 101]


@pytest.fixture
def serve(start: Start, tmp_path: Path) -> Callable[..., Running]:
    """Starts an emulator with so many sessions in each second."""

    def run(crowds: dict[int, int], **options: Any) -> Running:
        seconds = [second for second, number in crowds.items() for _ in range(number)]
        sessions = [
            handmade(number, second, status="expired", metadata={"n": str(number)})
            for number, second in enumerate(seconds)
        ]
        file = tmp_path / "crowds.ndjson"
        file.write_text("".join(json.dumps(s) + "\n" for s in sessions), encoding="utf-8")
        return start(load=file, **options)

    return run


def sync_and_compare(place: Place, emulator: Running, **over: Any) -> int:
    """Sync, hold the warehouse against the API, and return how many sessions were new."""
    before = len(place.stored()) if place.exists else 0
    report = place.sync(**over)
    assert report.outcome == "completed", report.error
    assert_equal(place, shown(emulator))
    assert_coverage_is_sane(place, emulator.now)
    counts = report.counts
    assert counts.inserted == len(place.stored()) - before
    assert counts.updated == 0
    return counts.inserted


@pytest.mark.parametrize("crowd", CROWDS)
def test_a_watermark_in_a_crowded_second_loses_none_of_it(
    crowd: int, serve: Callable[..., Running], install: Install
) -> None:
    emulator = serve({NOW + s: crowd for s in (-1, 0, 1, 2)}, now=NOW - 3)
    place = install(emulator.url)
    marks = set()
    # First the seconds appear one by one, then the watermark passes over them one by one.
    for step in (0, 1, 1, 1, 1, 1, 1, SETTLE_S - 4, *[1] * 8, 100):
        emulator.advance(step)
        sync_and_compare(place, emulator)
        marks.add(place.coverage()[-1][1] - NOW)
    assert {-1, 0, 1, 2} <= marks
    assert len(place.stored()) == 4 * crowd
    report = place.sync()
    assert (report.requests, report.counts.row()["sessions_read"]) == (1, 0)


@pytest.mark.parametrize("crowd", CROWDS)
def test_a_page_border_in_a_crowded_second_loses_and_doubles_none(
    crowd: int, serve: Callable[..., Running], install: Install
) -> None:
    old = NOW - DAY_S
    for above in (0, 1, 100):
        emulator = serve({old + 5: above, old: crowd, old - 5: 40})
        place = install(emulator.url, f"above{above}")
        assert sync_and_compare(place, emulator) == above + crowd + 40
        report = place.backfill(old - 5, old + 6)
        assert report.counts.unchanged == above + crowd + 40
        assert_equal(place, shown(emulator))


@pytest.mark.parametrize("crowd", CROWDS)
def test_windows_that_meet_in_crowded_seconds_share_none_and_leave_none(
    crowd: int, serve: Callable[..., Running], install: Install
) -> None:
    old = NOW - DAY_S
    emulator = serve({old + s: crowd for s in range(4)})
    place = install(emulator.url)
    for first, end in ((old + 1, old + 2), (old + 3, old + 9), (old - 9, old + 1)):
        assert place.backfill(first, end).counts.inserted == crowd
    assert place.coverage() == [(old - 10, old), (old, old + 1), (old + 2, old + 8)] or (
        place.coverage() == [(old - 10, old + 1), (old + 2, old + 8)]
    )
    assert sync_and_compare(place, emulator) == crowd
    assert place.coverage()[0][0] == START - 1


@pytest.mark.parametrize("seed", range(1))
def test_a_history_cut_into_parts_has_each_session_once(
    seed: int, serve: Callable[..., Running], install: Install
) -> None:
    draw = random.Random(seed)
    crowds: Counter[int] = Counter()
    end = NOW - 100
    span = draw.choice([1_500, 3_000, DAY_S])
    while crowds.total() < 3_000:
        second = end - draw.randint(0, span)
        crowds[second] += draw.choice([1, 2, 3, 3, 3, 90, 101, 300])
    emulator = serve(dict(crowds))
    place = install(emulator.url)
    assert sync_and_compare(place, emulator) == crowds.total()
    assert place.coverage() == [(START - 1, place.coverage()[0][1])]
    report = place.backfill(min(crowds), end + 1)
    assert report.counts.unchanged == report.counts.row()["sessions_read"] == crowds.total()
    assert_equal(place, shown(emulator))


@pytest.mark.parametrize("seed", range(1))
def test_syncs_on_a_moving_clock_lose_nothing_of_crowded_seconds(
    seed: int, serve: Callable[..., Running], install: Install
) -> None:
    draw = random.Random(seed)
    crowds = {NOW + draw.randint(-200, 500): draw.choice(CROWDS) for _ in range(9 + 4 * seed)}
    emulator = serve(crowds)
    place = install(emulator.url)
    total = 0
    while emulator.now < NOW + 600:
        total += sync_and_compare(place, emulator)
        border = min((s for s in crowds if s + SETTLE_S + 1 > emulator.now), default=None)
        # Often to where the watermark is just before, in or just after a crowded second.
        step = draw.randint(1, 90)
        if border is not None and draw.random() < 0.6:
            step = max(0, border + SETTLE_S + draw.randint(-1, 2) - int(emulator.now)) or 1
        emulator.advance(step)
    total += sync_and_compare(place, emulator)
    assert total == sum(crowds.values())


def test_one_second_with_more_sessions_than_any_budget_is_read_to_its_end(
    serve: Callable[..., Running], install: Install
) -> None:
    emulator = serve({NOW - DAY_S: 2_345, NOW - DAY_S - 1: 1, NOW - DAY_S + 1: 1})
    place = install(emulator.url)
    assert sync_and_compare(place, emulator) == 2_347
