"""`verify --offline`: what is stored must agree with itself."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from installation import NOW, Installation, one_line

from pipelines.queries import FOLDER

CHECKS = {path.stem for path in (FOLDER / "checks").glob("*.sql")}

FAULTS = {
    "sessions_unique": "insert into checkout_sessions from checkout_sessions limit 1",
    "session_in_one_account": "insert into checkout_sessions by name"
    " select * replace ('other' as account) from checkout_sessions limit 1",
    "children_in_order": "insert into checkout_session_line_items"
    " from checkout_session_line_items limit 1",
    "children_have_a_session": "delete from checkout_sessions where id = ("
    "select min(session_id) from checkout_session_line_items)",
    "amounts_add_up": "update checkout_sessions set amount_total = amount_total + 1"
    " where id = (select min(id) from checkout_sessions"
    " where amount_total > 0 and total_details_amount_tax = 0)",
    "line_items_add_up": "update checkout_session_line_items"
    " set amount_total = amount_total + 100 where id = ("
    "select min(id) from checkout_session_line_items)",
    "amounts_not_negative": "update checkout_sessions set total_details_amount_tax = -1"
    " where id = (select min(id) from checkout_sessions where amount_total > 0)",
    "values_known": "update checkout_sessions set status = 'lost'"
    " where id = (select min(id) from checkout_sessions)",
    "open_sessions_unsettled": "delete from meta.unsettled where reason = 'open'",
    "coverage_apart": 'insert into meta.coverage select account, "after" + 9, until - 9'
    " from meta.coverage",
    "history_in_order": "insert into checkout_session_history by name select account, id,"
    " status, api_version, observed_at, observed_at - interval 1 second as superseded_at"
    " from checkout_sessions limit 1",
    "marts_reconcile": "create or replace view marts.daily_sessions as"
    " select * replace (paid_amount_major * 2 as paid_amount_major)"
    " from (select * from marts.daily_sessions_before)",
    "products_reconcile": "create or replace view marts.products as"
    " select * replace (units + 1 as units) from (select * from marts.products_before)",
    "discounts_reconcile": "create or replace view marts.discounts as"
    " select * replace (discount_major + 1 as discount_major)"
    " from (select * from marts.discounts_before)",
}


@pytest.fixture
def damaged(loaded: Installation, tmp_path: Path) -> Callable[[str], Installation]:
    """Makes an installation whose stored data one statement has damaged."""

    def make(sql: str) -> Installation:
        place = Installation(tmp_path / "damaged", loaded.url)
        place.warehouse.parent.mkdir()
        shutil.copyfile(loaded.warehouse, place.warehouse)
        for mart in ("daily_sessions", "products", "discounts"):
            if f"marts.{mart}_before" in sql:
                place.change(f"alter view marts.{mart} rename to {mart}_before")
        place.change(sql)
        return place

    return make


def test_all_checks_hold_after_a_sync(loaded: Installation) -> None:
    done = loaded.call("verify", "--offline", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.object["outcome"] == "completed"
    assert {check["name"]: check["wrong"] for check in done.object["checks"]} == dict.fromkeys(
        CHECKS, 0
    )
    text = loaded.call("verify", "--offline", STRIPE_API_KEY=None)
    assert (text.code, text.err) == (0, "")
    assert f"{len(CHECKS)} checks: all hold" in text.out


def test_every_check_has_a_fault_that_it_must_find() -> None:
    assert FAULTS.keys() == CHECKS


@pytest.mark.parametrize("check", FAULTS)
def test_an_injected_fault_is_found_by_its_check(
    check: str, damaged: Callable[[str], Installation]
) -> None:
    place = damaged(FAULTS[check])
    done = place.call("verify", "--offline", "--json")
    assert (done.code, done.err) == (6, "")
    assert done.object["outcome"] == "different"
    found = {each["name"]: each for each in done.object["checks"]}
    assert found[check]["wrong"] > 0
    assert found[check]["examples"]


def test_status_and_the_text_name_the_check_that_does_not_hold(
    damaged: Callable[[str], Installation],
) -> None:
    place = damaged(FAULTS["values_known"])
    assert "values_known" in place.call("status").out
    assert place.call("status", "--json").object["failed_checks"] == ["values_known"]
    done = place.call("verify", "--offline")
    assert done.code == 6
    assert "1 not held" in done.out
    assert "status=lost" in done.out


def test_offline_takes_no_range_and_no_account(loaded: Installation) -> None:
    for option in (
        ("--from", "2026-09-01"),
        ("--to", "2026-09-01"),
        ("--account", "default"),
        ("--prefect",),
    ):
        done = loaded.call("verify", "--offline", *option)
        assert done.code == 2
        assert "--offline" in one_line(done.err)


def test_status_names_a_hole_by_the_moments_that_a_backfill_of_it_takes(
    damaged: Callable[[str], Installation],
) -> None:
    place = damaged(
        "delete from meta.coverage;"
        f"insert into meta.coverage values ('default', {NOW - 9 * 86_400}, {NOW})"
    )
    first, end = datetime(2019, 1, 1, tzinfo=UTC), datetime.fromtimestamp(NOW - 9 * 86_400 + 1, UTC)
    shown = f"1 hole, the oldest {first:%Y-%m-%d %H:%M:%S} UTC up to {end:%Y-%m-%d %H:%M:%S} UTC"
    assert shown in place.call("status").out
    assert place.call("status", "--json").object["holes"] == [
        {"after": "2018-12-31T23:59:59Z", "until": f"{end - timedelta(seconds=1):%FT%TZ}"}
    ]
    (row,) = place.table("select * from marts.coverage where kind = 'hole'")
    assert (row["starts_at"], row["ends_before"]) == (first, end)


def test_holes_and_a_late_start_are_told_by_the_marts(
    damaged: Callable[[str], Installation],
) -> None:
    day = 86_400
    place = damaged(
        "delete from meta.coverage;"
        f"insert into meta.coverage values ('default', {NOW - 9 * day}, {NOW - 5 * day}),"
        f" ('default', {NOW - 4 * day}, {NOW - day});"
        f"update meta.accounts set sync_start = {NOW - 8 * day}"
    )
    (row,) = place.table("select * from marts.freshness")
    now = datetime.fromtimestamp(NOW, UTC)
    assert row["watermark"] == now - timedelta(days=5)
    assert row["newest_covered"] == now - timedelta(days=1)
    assert (row["holes"], row["hole_seconds"]) == (1, day)
    place.change(f"update meta.accounts set sync_start = {NOW - 10 * day + 1}")
    (row,) = place.table("select * from marts.freshness")
    assert row["watermark"] is None
    assert (row["holes"], row["hole_seconds"]) == (2, 2 * day)
    rows = place.rows(
        "select kind, epoch(starts_at)::bigint, epoch(ends_before)::bigint from marts.coverage"
        " order by starts_at"
    )
    assert [(kind, starts - 1 - NOW, ends - 1 - NOW) for kind, starts, ends in rows] == [
        ("hole", -10 * day, -9 * day),
        ("covered", -9 * day, -5 * day),
        ("hole", -5 * day, -4 * day),
        ("covered", -4 * day, -day),
    ]
