"""Columns made anew from payloads: by `reflatten`, and for a file of an older layout."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comparison import assert_equal
from installation import DAY_S, NOW, Installation, one_line
from scripted import Scripted
from test_guards import BORN, PAID, session

from pipelines import layout, reflatten
from pipelines.emulator.app import Running
from pipelines.runs import Options
from pipelines.schema import TABLES

Start = Callable[..., Running]
Install = Callable[..., Installation]
LAYOUT_1 = Path(__file__).parents[1] / "data" / "layout_1.duckdb.gz"
SESSION_TABLES = [table.name for table in TABLES] + ["checkout_session_history", "meta.drift"]


def content(place: Installation, *without: str) -> dict[str, list[Any]]:
    """All rows of all tables, in no order; without some columns."""
    found = {}
    for table in [*SESSION_TABLES, "meta.unsettled", "meta.rejects"]:
        names = [row[0] for row in place.rows(f"describe {table}") if row[0] not in without]
        shown = ", ".join(f'"{name}"' for name in names)
        found[table] = sorted(map(repr, place.rows(f"select {shown} from {table}")))
    return found


@pytest.fixture
def older(install: Install, start: Start) -> Installation:
    """An installation with a file of layout 1, and the shop it was read from, two days on."""
    emulator = start(sessions=200, days=8)
    place = install(emulator.url)
    emulator.advance(2 * DAY_S)
    place.warehouse.parent.mkdir()
    place.warehouse.write_bytes(gzip.decompress(LAYOUT_1.read_bytes()))
    # The same shop at another port, so it isn't taken for another account's.
    place.change(f"update meta.accounts set key_fingerprint = '{'0' * 16}'")
    return place


@pytest.mark.file
def test_a_file_of_the_first_layout_is_brought_up_to_date_before_the_api_is_asked(
    older: Installation,
) -> None:
    before = older.value("select count(*) from checkout_sessions where account = 'default'")
    unreachable = Options(transport=Scripted([], NOW - 9 * DAY_S))
    assert older.sync(unreachable).outcome == "failed"
    assert older.value("select max(version) from meta.schema_version") == layout.VERSION
    assert older.value("select count(*) from checkout_session_custom_fields") > 0
    assert older.value("select count(*) from checkout_sessions where account = 'default'") == before
    assert older.rows("select id, api_version is not null from meta.rejects") == [
        ("cs_test_odd", True)
    ]
    assert not older.rows(
        "select table_name, column_name from duckdb_columns() semi join duckdb_tables()"
        " using (schema_name, table_name) where comment is null"
    )


@pytest.mark.file
def test_an_older_file_then_has_what_a_fresh_load_has(
    older: Installation, install: Install
) -> None:
    fresh = install(older.url, "fresh")
    assert fresh.sync().outcome == "completed"
    assert older.backfill(NOW - 30 * DAY_S, NOW + 3 * DAY_S).outcome == "completed"
    older.change("delete from meta.rejects; delete from meta.drift")
    for table in SESSION_TABLES:
        if table.startswith("checkout_session") and not table.endswith("_history"):
            older.change(f"delete from {table} where account = 'other'")
    ours = ("run_id", "first_observed_at", "observed_at", "read_at")
    found, expected = content(older, *ours), content(fresh, *ours)
    for table in (table.name for table in TABLES):
        assert found[table] == expected[table]


@pytest.mark.file
def test_questions_to_a_file_of_the_first_layout_say_what_brings_it_up_to_date(
    older: Installation,
) -> None:
    before = older.warehouse.read_bytes()
    for arguments in (("status",), ("verify", "--offline"), ("report",), ("sql", "select 1")):
        done = older.call(*arguments)
        assert done.code == 5
        assert "layout 1" in one_line(done.err)
        assert "checkouts sync" in done.err
    assert older.warehouse.read_bytes() == before
    assert older.call("sync").code == 0
    assert older.call("status").code == 0


@pytest.mark.file
def test_a_file_of_a_newer_layout_is_refused(older: Installation) -> None:
    older.change("insert into meta.schema_version values (99, now())")
    done = older.call("reflatten")
    assert done.code == 5
    assert "layout 99" in one_line(done.err)


def test_reflatten_gives_the_tables_that_the_load_gave(
    start: Start, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflatten, "ROWS", 70)
    emulator = start(sessions=300, days=9)
    place = install(emulator.url)
    place.sync()
    emulator.advance(2 * DAY_S)
    place.sync(sync__reread_ratio=0)
    place.change("delete from checkout_sessions where amount_total % 7 = 0")  # holes between rows
    gone = "session_id not in (select id from checkout_sessions)"
    for table in TABLES[1:]:
        place.change(f"delete from {table.name} where {gone}")
    before = content(place)
    place.change("update checkout_sessions set amount_total = -1, metadata = null")
    place.change("update checkout_session_line_items set price_id = 'wrong'")
    place.change("delete from checkout_session_shipping_options")
    done = place.call("reflatten")
    assert (done.code, done.err) == (0, "")
    assert "rebuilt from their payloads" in done.out
    assert content(place) == before


def test_after_reflatten_a_sync_finds_nothing_changed(start: Start, install: Install) -> None:
    emulator = start(sessions=200, days=9)
    place = install(emulator.url)
    place.sync()
    assert place.call("reflatten").code == 0
    report = place.sync(sync__reread_ratio=0)
    assert (report.counts.inserted, report.counts.updated) == (0, 0)
    assert_equal(place, emulator)


def test_a_reject_that_fits_by_now_is_loaded_by_reflatten_and_one_that_does_not_stays(
    install: Install,
) -> None:
    place = install("http://127.0.0.1:9")
    items = {"data": [{"id": "li_1", "quantity": 2}], "has_more": False}
    mended = session(1, locale=7, line_items=items, brand_new=True, **PAID)
    bad = session(2, amount_total="x")
    place.sync(Options(transport=Scripted([mended, bad, session(3)], NOW)))
    assert place.call("reflatten").code == 4
    # As if a newer program knew the text that today's columns don't take.
    place.change("update meta.rejects set payload = replace(payload, '\"locale\": 7,', '')")
    done = place.call("reflatten")
    assert done.code == 4
    assert "1 session rejected before did fit now" in done.out
    assert place.rows("select id from meta.rejects") == [("cs_test_0002",)]
    assert place.rows(
        "select s.id, s.payment_status, s.line_items_complete, i.quantity from checkout_sessions s"
        " left join checkout_session_line_items i on s.id = i.session_id order by s.id"
    ) == [("cs_test_0001", "paid", True, 2), ("cs_test_0003", "unpaid", None, None)]
    assert place.value("select count(*) from meta.drift where path = 'brand_new'") == 1


def test_a_stored_session_that_fits_no_longer_is_set_aside_with_its_times(
    install: Install,
) -> None:
    place = install("http://127.0.0.1:9")
    place.sync(Options(transport=Scripted([session(1), session(2)], NOW)))
    place.change(
        "update checkout_sessions set payload = json_merge_patch(payload,"
        " '{\"amount_total\": \"x\"}') where id = 'cs_test_0002'"
    )
    assert place.call("reflatten").code == 4
    assert place.rows(
        "select id, epoch(created)::bigint, epoch(observed_at)::bigint, run_id is not null"
        " from meta.rejects"
    ) == [("cs_test_0002", BORN, NOW, True)]
    assert place.rows("select id from checkout_sessions") == [("cs_test_0001",)]


def test_a_field_that_reflatten_is_the_first_to_notice_was_seen_when_its_session_was(
    install: Install,
) -> None:
    place = install("http://127.0.0.1:9")
    place.sync(Options(transport=Scripted([session(1, brand_new=True)], NOW)))
    place.change("delete from meta.drift")
    assert place.call("reflatten").code == 0
    told = "select path, epoch(first_seen)::bigint, sessions from meta.drift"
    assert place.rows(told) == [("brand_new", NOW, 1)]


def test_without_a_warehouse_reflatten_says_so(install: Install) -> None:
    done = install("http://127.0.0.1:9").call("reflatten")
    assert done.code == 5
    assert "there is no warehouse" in one_line(done.err)
