"""A sync leaves in the warehouse exactly what the API shows."""

import gc
import threading
from collections.abc import Callable

import pytest
from comparison import (
    DERIVED,
    assert_equal,
    expected_columns,
)
from installation import (
    DAY_S,
    HOUR_S,
    NOW,
    REPORT_KEYS,
    SETTLE_S,
    START,
    Installation,
    windows_asked,
)
from scripted import Scripted
from test_guards import session

from pipelines import words
from pipelines.emulator.app import Running
from pipelines.pipeline import Options, Progress
from pipelines.stripe_api import StripeApi
from pipelines.verify import verify
from pipelines.warehouse import Warehouse

Start = Callable[..., Running]
Install = Callable[..., Installation]


def test_the_columns_are_those_of_the_api_reference(loaded: Installation) -> None:
    with loaded.place.connect(read_only=True) as connection:
        found = dict(
            connection.execute(
                "select column_name, data_type from duckdb_columns()"
                " where schema_name = 'main' and table_name = 'checkout_sessions'"
            ).fetchall()
        )
    assert found.keys() >= DERIVED
    expected = {name: kind for name, (_, kind) in expected_columns().items()}
    assert {name: kind for name, kind in found.items() if name not in DERIVED} == expected


@pytest.mark.parametrize("line_items", [True, False])
def test_after_a_first_sync_the_warehouse_equals_the_api(
    line_items: bool, start: Start, install: Install
) -> None:
    emulator = start(sessions=500, days=90)
    place = install(emulator.url)
    report = place.sync(stripe__line_items=line_items)
    assert report.outcome == "completed"
    assert report.counts.row() == {
        "windows": report.counts.windows,
        "sessions_read": 500,
        "inserted": 500,
        "updated": 0,
        "unchanged": 0,
        "rejected": 0,
    }
    routes = emulator.stats()["routes"]
    further = sum(routes.get("GET /v1/checkout/sessions/{id}/line_items", {}).values())
    assert report.requests == emulator.stats()["requests"] == report.pages + further
    assert bool(further) is line_items
    assert report.watermark == report.newest_covered
    assert START < report.watermark <= NOW - SETTLE_S
    assert len(assert_equal(place, emulator)) == 500
    assert place.coverage() == [(START - 1, report.watermark)]
    queries = [request["query"] for request in emulator.requests() if "created" in request["query"]]
    assert all(("expand" in query) == line_items for query in queries)


def test_a_new_account_has_its_newest_page_stored_while_the_rest_is_read(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=2_000, days=30, days_ahead=30)
    place = install(emulator.url, stripe__requests_per_second=50, stripe__line_items=False)
    told: list[Progress] = []
    place.sync(Options(progress=told.append))
    assert 0 < told[0].sessions <= 100
    assert told[-1].sessions == 2_000
    emulator.advance(10 * DAY_S)  # what comes later is worth no load of its own
    told.clear()
    place.sync(Options(progress=told.append))
    assert told[0].sessions > 100


def test_no_progress_lies_after_now_while_the_newest_window_is_still_being_read(
    install: Install,
) -> None:
    place = install("http://127.0.0.1:9", stripe__line_items=False)
    # So many open ones in a second that one window reads all of them with the fewest requests.
    api = Scripted([session(n, NOW - 90 - n // 130 * 100) for n in range(1_300)], NOW)
    place.sync(Options(transport=api))
    told: list[Progress] = []
    loaded = threading.Event()

    def progress(now: Progress) -> None:
        told.append(now)
        loaded.set()

    def before(params: dict[str, str]) -> None:
        # What is newest of that window waits until something of the rest is loaded.
        if "starting_after" in params and "created[lte]" not in params:
            assert loaded.wait(60)

    api.now, api.before = NOW + 60, before
    assert place.sync(Options(transport=api, progress=progress)).outcome == "completed"
    assert told[0].oldest is not None
    assert all(state.oldest is None or state.oldest <= api.now for state in told)
    assert "back to 2026-09-21" in words.done(told[0])


def test_every_sync_of_a_shop_that_goes_on_living_leaves_it_equal(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=300, days=40, days_ahead=20)
    place = install(emulator.url)
    before: dict[str, object] = {}
    updated = 0
    for step in (0, 1, 59, 600, 7_000, DAY_S, 3 * DAY_S + 7, 0, 12 * DAY_S, HOUR_S):
        emulator.advance(step)
        report = place.sync(sync__reread_ratio=0)
        assert report.error is None
        after = {s["id"]: s for s in assert_equal(place, emulator)}
        counts = report.counts
        assert counts.inserted == len(after.keys() - before.keys())
        assert counts.updated == sum(after[i] != s for i, s in before.items())
        updated += counts.updated
        assert place.value("select count(*) from checkout_session_history") == updated
        before = dict(after)
    assert updated > 10


def test_a_shop_at_rest_costs_one_request_and_nothing_changes(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=250, days=30, days_ahead=0)
    emulator.advance(70 * DAY_S)
    place = install(emulator.url)
    assert place.sync().counts.inserted == 250
    assert place.value("select count(*) from meta.unsettled") == 0
    rows = place.rows(
        "select * exclude (payload), payload::varchar from checkout_sessions order by id"
    )
    for _ in range(2):
        covered = place.coverage()[-1][1]
        emulator.advance(600)
        emulator.reset()
        report = place.sync()
        assert emulator.stats()["requests"] == report.requests == 1
        assert report.counts.row() | {"windows": 1} == {
            "windows": 1,
            "sessions_read": 0,
            "inserted": 0,
            "updated": 0,
            "unchanged": 0,
            "rejected": 0,
        }
        assert report.newest_covered > covered
    assert rows == place.rows(
        "select * exclude (payload), payload::varchar from checkout_sessions order by id"
    )
    assert_equal(place, emulator)


def test_a_sync_asks_only_for_what_is_not_covered_and_what_is_due(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=400, days=40, days_ahead=3)
    place = install(emulator.url)
    place.sync()
    unsettled = {
        created
        for (created,) in place.rows("select epoch_us(created) // 1000000 from meta.unsettled")
    }
    covered = place.coverage()[-1][1]
    emulator.advance(DAY_S)
    emulator.reset()
    place.sync()
    asked = windows_asked(emulator.requests())
    assert (covered, None) in asked or asked[0][1] is None
    for after, until in asked:
        if until is not None:
            assert {after + 1, until} <= unsettled, "a re-read begins and ends at a due second"


def test_an_unpaid_session_is_looked_at_when_a_fiftieth_of_its_age_has_passed(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=250, days=30, days_ahead=0)
    emulator.advance(3 * DAY_S)
    place = install(emulator.url)
    place.sync()
    read_at = dict(place.rows("select id, epoch_us(read_at) // 1000000 from meta.unsettled"))
    assert read_at
    emulator.advance(HOUR_S)
    place.sync()
    now = int(emulator.now)
    due = {
        session_id
        for session_id, created in place.rows(
            "select id, epoch_us(created) // 1000000 from meta.unsettled where reason = 'unpaid'"
        )
        if now - read_at[session_id] >= 0.02 * (now - created)
    }
    again = dict(place.rows("select id, epoch_us(read_at) // 1000000 from meta.unsettled"))
    assert all(again[session_id] == now for session_id in due)


def test_with_a_sleeping_pipeline_none_leaves_the_unsettled_without_its_last_look(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=250, days=20, days_ahead=0)
    place = install(emulator.url)
    place.sync()
    emulator.advance(90 * DAY_S)
    place.sync()
    assert place.value("select count(*) from meta.unsettled") == 0
    assert_equal(place, emulator)


def test_nothing_is_kept_of_a_run_that_has_ended(install: Install) -> None:
    place = install("http://127.0.0.1:9")
    options = Options(transport=Scripted([], NOW))
    before = _in_memory()
    for _ in range(3):
        assert place.sync(options).outcome == "completed"
    settings = place.settings()
    assert verify(settings, settings.chosen()[0], None, options).error is None
    assert _in_memory() <= before


def _in_memory() -> int:
    gc.collect()
    return sum(isinstance(each, StripeApi | Warehouse) for each in gc.get_objects())


def test_a_start_that_is_still_to_come_is_told(start: Start, install: Install) -> None:
    place = install(start(sessions=50).url)
    later = {"CHECKOUTS_SYNC__START": "2099-01-01"}
    told = "default: syncs read nothing before 2099-01-01 00:00:00 UTC, which is still to come"
    assert told in place.call("sync", **later).out
    assert "complete up to" in place.call("sync").out
    for command in (("sync",), ("backfill", "--from", "2026-09-10", "--to", "2026-09-11")):
        done = place.call(*command, **later)
        assert (done.code, done.err) == (0, "")
        assert told in done.out
        assert "history is not complete" not in done.out
    assert place.call("sync", "--json", **later).object.keys() == REPORT_KEYS


def test_what_sql_sets_for_duckdb_holds_in_no_sync_after_it(start: Start, install: Install) -> None:
    place = install(start(sessions=300, days=2).url)
    place.sync()
    assert place.call("sql", "--unsafe", "set lock_configuration = true").code == 0
    assert place.sync(sync__reread_ratio=0).outcome == "completed"
