"""Thirty days of a shop in uneven steps, with a sync at each: the warehouse is the API's mirror."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from truth_shop import (
    DAY_S,
    FRESH_S,
    HOUR_S,
    NOW,
    SETTLE_S,
    START,
    Place,
    assert_coverage_is_sane,
    assert_equal,
    assert_history_is_a_chain,
    due,
    edit,
    least_requests,
    may_still_change,
    meant,
    said,
    shown,
)

from pipelines.emulator.app import Options, Running, running
from pipelines.outcomes import Report

Start = Callable[..., Running]
Install = Callable[..., Place]
DAYS = 30


def uneven_steps(seed: int, days: int = DAYS) -> list[float]:
    """Steps from none to days, in seconds, that add up to so many days at least."""
    draw = random.Random(seed)
    steps: list[float] = [0, 1, SETTLE_S - 1, SETTLE_S, SETTLE_S + 1, 0.4, 0]
    while sum(steps) < days * DAY_S:
        ranges = [(1, 130), (HOUR_S, DAY_S), (DAY_S, 3 * DAY_S), (2 * DAY_S, 4 * DAY_S)]
        least, most = draw.choice(ranges)
        steps.append(draw.randint(least, most))
    return steps


@dataclass
class Moment:
    """What was so right after one sync.

    Attributes:
        now: API time of the sync, epoch seconds.
        report: what the sync said.
        asked: how many requests the API counted.
        api: all sessions that the API showed then.
        before: the sessions stored before it.
        read_at: the unsettled sessions before it, and when each was last read.
        covered: the end of what was covered before it, None at first.
    """

    now: int
    report: Report
    asked: int
    api: dict[str, str]
    before: dict[str, str] = field(default_factory=dict)
    read_at: dict[str, int] = field(default_factory=dict)
    covered: int | None = None


@dataclass
class Simulation:
    """A shop's month, its warehouse, and what was so after each sync."""

    place: Place
    moments: list[Moment]


@pytest.fixture(scope="module", params=[SETTLE_S], ids=["some appear late"])
def month(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Simulation]:
    """A month whose every sync is held against the API at once; tests only read from it."""
    late_s = request.param
    options = Options(
        sessions=200, days=6, days_ahead=DAYS + 5, now=NOW, frozen=True, late_s=late_s
    )
    folder = tmp_path_factory.mktemp("month")
    with running(options) as emulator:
        place = Place(folder, emulator.url, sync__reread_ratio=0)
        draw = random.Random(late_s)
        moments: list[Moment] = []
        for step in uneven_steps(late_s):
            emulator.advance(step)
            api = shown(emulator)
            # Not every change moves the status: some visitors' metadata is edited as well.
            can_change = [i for i, s in api.items() if meant(s)["status"] == "open"]
            edit(emulator.url, draw.sample(can_change, min(2, len(can_change))), step=str(step))
            api = shown(emulator)
            known = {}
            if moments:
                known = {"before": place.stored(), "read_at": place.unsettled()}
                known["covered"] = place.coverage()[-1][1]
            emulator.reset()
            report = place.sync()
            asked = emulator.stats()["requests"]
            assert report.outcome == "completed", report.error
            moments.append(Moment(int(emulator.now), report, asked, api, **known))
            assert_equal(place, api)
            assert_coverage_is_sane(place, emulator.now)
            assert place.coverage() == [(START - 1, report.watermark)]
            if late_s == 0:
                # The response began within the second before its Date.
                assert report.watermark >= int(emulator.now) - SETTLE_S - 2
        yield Simulation(place, moments)


def test_after_every_sync_the_warehouse_equals_the_api_object_by_object(
    month: Simulation,
) -> None:
    # The fixture compares; here it shows that there was something to compare.
    moments = month.moments
    assert moments[-1].now - moments[0].now >= DAYS * DAY_S
    assert len(moments) > 20
    assert sum(m.report.counts.inserted for m in moments[1:]) > 600
    assert sum(m.report.counts.updated for m in moments[1:]) > 200
    for moment in moments:
        counts = moment.report.counts
        changed = sum(moment.api[i] != s for i, s in moment.before.items())
        assert counts.inserted == len(moment.api.keys() - moment.before.keys())
        assert counts.updated == changed
        assert counts.rejected == 0


def test_what_may_still_change_is_known_after_every_sync(month: Simulation) -> None:
    for earlier, later in pairwise(month.moments):
        expected = {
            id_ for id_, text in earlier.api.items() if may_still_change(meant(text), earlier.now)
        }
        assert later.read_at == dict.fromkeys(expected, earlier.now)


def test_no_sync_costs_more_requests_than_its_plan(month: Simulation) -> None:
    saved = 0
    for moment in month.moments[1:]:
        assert moment.covered is not None
        assert moment.report.requests == moment.asked
        created = sorted(meant(text)["created"] for text in moment.before.values())
        dues = [meant(moment.before[i])["created"] for i in moment.read_at]
        new = sum(meant(text)["created"] > moment.covered for text in moment.api.values())
        held = [second for second in created if second <= moment.covered]
        plan = least_requests(dues, held, moment.covered, new)
        # Where a window turns out to have more than its page, the second that was cut is
        # read again by the rest.
        cut = 1 if new > 0 and plan > 1 else 0
        assert moment.report.requests <= plan + cut
        saved += len(dues) + 1 - plan
    assert saved > 400, "one request for each due session would be the easy way"


def test_sessions_as_of_each_past_sync_are_those_of_that_moment(month: Simulation) -> None:
    # Two syncs within one second are one moment, the later one.
    at = {moment.now: moment.api for moment in month.moments}
    assert len(at) > 20
    for now, api in at.items():
        rows = month.place.rows(
            "select id, status, payment_status, amount_total, payload::varchar"
            " from sessions_as_of(to_timestamp(?::bigint))",
            now,
        )
        assert len(rows) == len(api)
        for id_, *columns, _ in rows:
            session = meant(api[id_])
            names = ("status", "payment_status", "amount_total")
            assert columns == [session[name] for name in names]
        assert {row[0]: said(row[4]) for row in rows} == api
    first = min(at)
    assert month.place.rows("from sessions_as_of(to_timestamp(?::bigint))", first - 1) == []


def test_each_change_makes_one_superseded_version_in_order(month: Simulation) -> None:
    seen: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for moment in month.moments:
        for id_, text in moment.api.items():
            if not seen[id_] or seen[id_][-1][0] != text:
                seen[id_].append((text, moment.now))
    history = month.place.rows(
        "select id, payload::varchar, status, payment_status, amount_total, account,"
        " epoch_us(observed_at) // 1000000, epoch_us(superseded_at) // 1000000"
        " from checkout_session_history order by superseded_at, observed_at, rowid"
    )
    found = defaultdict(list)
    for id_, payload, *columns, observed_at, superseded_at in history:
        session = meant(said(payload))
        names = ("status", "payment_status", "amount_total")
        assert columns == [*(session[name] for name in names), "default"]
        found[id_].append((said(payload), observed_at, superseded_at))
    expected = {
        id_: [(text, at, then) for (text, at), (_, then) in pairwise(versions)]
        for id_, versions in seen.items()
        if len(versions) > 1
    }
    assert found == expected
    assert max(map(len, expected.values())) > 2
    current = month.place.rows(
        "select id, epoch_us(first_observed_at) // 1000000, epoch_us(observed_at) // 1000000"
        " from checkout_sessions"
    )
    assert {row[0]: row[1:] for row in current} == {
        id_: (versions[0][1], versions[-1][1]) for id_, versions in seen.items()
    }
    assert_history_is_a_chain(month.place)


def test_at_rest_nothing_is_left_to_look_at_and_a_sync_costs_one_request(
    tmp_path: Path,
) -> None:
    options = Options(sessions=400, days=30, days_ahead=3, now=NOW, frozen=True)
    with running(options) as emulator:
        place = Place(tmp_path / "place", emulator.url)
        place.sync()
        emulator.advance(DAY_S)
        place.sync()
        emulator.advance(70 * DAY_S)
        assert place.sync().outcome == "completed"
        assert_equal(place, shown(emulator))
        assert place.unsettled() == {}
        for step in (0, 1, HOUR_S, 30 * DAY_S):
            emulator.advance(step)
            emulator.reset()
            assert place.sync().requests == emulator.stats()["requests"] == 1
        assert_equal(place, shown(emulator))


@pytest.mark.parametrize(("ratio", "late_s"), [(0.3, SETTLE_S)])
def test_with_a_ratio_no_difference_is_older_than_it_allows_and_none_remains(
    ratio: float, late_s: int, start: Start, install: Install
) -> None:
    emulator = start(sessions=1_000, days=20, days_ahead=8, late_s=late_s)
    # 0.02 is the default, so it isn't set.
    place = install(emulator.url, **({} if ratio == 0.02 else {"sync__reread_ratio": ratio}))
    last_read: dict[str, int] = {}
    waiting = 0
    draw = random.Random(7)
    for step in [0, 1, *(draw.randint(60, 8 * HOUR_S) for _ in range(12))]:
        emulator.advance(step)
        now = int(emulator.now)
        before = place.stored() if last_read else {}
        emulator.reset()
        assert place.sync().outcome == "completed"
        api, stored = shown(emulator), place.stored()
        assert stored.keys() == api.keys()
        windows = _asked(emulator.requests())
        read = {i for i, s in api.items() if _inside(meant(s)["created"], windows)}
        for id_, text in before.items():
            if due(meant(text), last_read[id_], now, ratio):
                assert id_ in read, "a session that is due wasn't read"
        last_read |= dict.fromkeys(read, now)
        for id_, text in stored.items():
            session, read_at = meant(text), last_read[id_]
            assert (session["status"] == "open") <= (text == api[id_]), "open stays current"
            assert read_at == now or may_still_change(session, read_at) or text == api[id_]
            if text == api[id_]:
                continue
            age = now - session["created"]
            if meant(api[id_])["payment_status"] != session["payment_status"]:
                waiting += 1
                assert now - read_at < ratio * age
            else:  # fields that are filled in late, up to the last look
                assert session["status"] == "complete"
                assert age < FRESH_S or now - read_at < ratio * age
    if ratio > 0.02:  # else so few that chance decides
        assert waiting > 5, "with a ratio some payments are seen later, or this shows nothing"
    emulator.advance(70 * DAY_S)
    place.sync()
    assert_equal(place, shown(emulator))
    emulator.reset()
    assert place.sync().requests == emulator.stats()["requests"] == 1
    assert place.unsettled() == {}


def test_none_leaves_the_unsettled_without_its_last_look(start: Start, install: Install) -> None:
    emulator = start(sessions=150, days=3, days_ahead=0)
    place = install(emulator.url)
    place.sync()
    for days in (1, 1, 2, 3, 5, 8, 13, 21, 7, 1, 1, 1, 1):
        emulator.advance(days * DAY_S)
        before = place.unsettled()
        emulator.reset()
        place.sync()
        windows = _asked(emulator.requests())
        sessions = {i: meant(s) for i, s in place.stored().items()}
        for id_ in before.keys() - place.unsettled().keys():
            session = sessions[id_]
            assert _inside(session["created"], windows)
            if session["status"] == "complete":
                assert emulator.now >= session["created"] + FRESH_S
            if session["payment_status"] == "unpaid" and session["status"] == "complete":
                assert emulator.now >= session["created"] + 62 * DAY_S or session["mode"] == "setup"
    assert place.unsettled() == {}
    assert_equal(place, shown(emulator))


def _asked(requests: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """The windows of list requests as `(after, until)`."""
    windows = []
    for request in requests:
        params = httpx.QueryParams(request["query"])
        if "created[gt]" in params:
            windows.append((int(params["created[gt]"]), int(params.get("created[lte]", 2**60))))
    return windows


def _inside(second: int, windows: list[tuple[int, int]]) -> bool:
    return any(after < second <= until for after, until in windows)
