"""What a sync of a busy shop costs: hardly more requests than there are pages to look at."""

import json
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence

import httpx
import pytest
from truth_shop import (
    DAY_S,
    HOUR_S,
    NOW,
    Handmade,
    Place,
    Value,
    assert_equal,
    due,
    handmade,
    meant,
    pages_that_hold,
    said,
    shown,
)

from pipelines.emulator.app import Running
from pipelines.runs import Options

Start = Callable[..., Running]
Install = Callable[..., Place]
A_DAY = 2_000


class BusyShop:
    """2,000 sessions a day, 40 % of them open for up to a day, some of the others unpaid."""

    def __init__(self, seed: int, days: int, open_share: float) -> None:
        draw = random.Random(seed)
        begin = NOW - days * DAY_S
        self.created = sorted(
            begin + draw.randrange((days + 2) * DAY_S) for _ in range((days + 2) * A_DAY)
        )
        self.ends = []
        self._seen: dict[int, Sequence[Value]] = {}
        for second in self.created:
            open_for = draw.uniform(0, DAY_S) if draw.random() < open_share else 0
            paid_after = draw.uniform(0, 10 * DAY_S) if draw.random() < 0.02 else 0
            self.ends.append((second + open_for, second + open_for + paid_after))

    def sessions(self, now: int) -> Sequence[Value]:
        """What can be seen at a moment."""
        if now not in self._seen:
            self._seen = {now: self._at(now)}
        return self._seen[now]

    def _at(self, now: int) -> Sequence[Value]:
        seen = []
        for number in range(bisect_right(self.created, now)):
            closed, paid = self.ends[number]
            status = "open" if now < closed else "complete"
            payment_status = "paid" if now >= paid and status == "complete" else "unpaid"
            session = handmade(number, self.created[number])
            seen.append(session | {"status": status, "payment_status": payment_status})
        return seen


def looked_for(place: Place, api: dict[str, Value], now: int, ratio: float) -> int:
    """How many pages, cut newest first, hold a session that is new or due."""
    newest_first = sorted(api.values(), key=lambda s: (-s["created"], s["id"]))
    stored, unsettled = place.stored(), place.unsettled()
    wanted = {
        index
        for index, session in enumerate(newest_first)
        if session["id"] not in stored
        or (
            session["id"] in unsettled
            and due(meant(stored[session["id"]]), unsettled[session["id"]], now, ratio)
        )
    }
    return pages_that_hold(wanted, [session["created"] for session in newest_first])


@pytest.mark.parametrize("open_share", [0.4])
def test_an_hourly_sync_of_a_busy_shop_reads_hardly_more_than_the_pages_that_count(
    open_share: float, install: Install
) -> None:
    shop = BusyShop(seed=1, days=2, open_share=open_share)
    api = Handmade(shop.sessions, NOW)
    place = install()
    assert place.sync(Options(transport=api)).outcome == "completed"
    for hour in (1, 2, 3, 9):
        api.now = NOW + hour * HOUR_S
        seen = {s["id"]: s for s in api.sessions(api.now)}
        pages = looked_for(place, seen, api.now, 0.02)
        api.requests = 0
        report = place.sync(Options(transport=api))
        assert report.outcome == "completed", report.error
        assert report.requests == api.requests <= 1.15 * pages + 3
        assert pages > 2
        if open_share == 1.0:
            assert pages > 50


def test_an_hourly_sync_of_the_emulators_shop_costs_as_little(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=3_000, days=3, days_ahead=1)
    place = install(emulator.url)
    place.sync()
    for hours in (1, 1, 5):
        emulator.advance(hours * HOUR_S)
        api = {id_: meant(text) for id_, text in shown(emulator).items()}
        pages = looked_for(place, api, int(emulator.now), 0.02)
        assert pages > 6
        emulator.reset()
        report = place.sync()
        assert report.requests == emulator.stats()["requests"] <= 1.15 * pages + 3


def test_a_busy_shop_at_rest_costs_one_request_a_sync(install: Install) -> None:
    shop = BusyShop(seed=2, days=1, open_share=0.4)
    api = Handmade(shop.sessions, NOW)
    place = install()
    place.sync(Options(transport=api))
    api.now += 100 * DAY_S
    place.sync(Options(transport=api))
    assert_equal(place, {s["id"]: said(json.dumps(s)) for s in shop.sessions(api.now)})
    assert place.unsettled() == {}
    for _ in range(3):
        api.now += HOUR_S
        api.requests = 0
        assert place.sync(Options(transport=api)).requests == api.requests == 1


@pytest.mark.parametrize(("sessions", "most"), [(200, 8), (1_000, 20)])
def test_with_many_fetchers_a_small_first_load_takes_few_requests_more_than_it_has_pages(
    sessions: int, most: int, start: Start, install: Install
) -> None:
    # 100 requests a second at this latency are some twenty side by side.
    emulator = start(sessions=sessions, days=90, latency_ms=150)
    place = install(emulator.url, stripe__requests_per_second=100)
    report = place.sync()
    assert report.counts.inserted == sessions
    assert report.requests <= most


class Far(Handmade):
    """An API whose answers take a while, so that many are asked for side by side."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer later."""
        time.sleep(0.2)
        return super().handle_request(request)


def test_a_shop_that_has_grown_costs_hardly_more_than_its_pages(install: Install) -> None:
    # Half of its sessions are of the last ten of eighty days, a tenth of the last two hours.
    draw = random.Random(1)
    ages = sorted(int(80 * DAY_S * draw.random() ** 3) for _ in range(4_000))
    shop = [handmade(number, NOW - 1 - age) for number, age in enumerate(ages)]
    api = Far(lambda _: shop, NOW)
    report = install(stripe__requests_per_second=100).sync(Options(transport=api))
    assert report.counts.inserted == 4_000
    assert report.requests == api.requests <= 1.03 * 40 + 26
