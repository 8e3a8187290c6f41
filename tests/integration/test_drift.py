"""What the API sends and the columns don't know: noted once, shown, and in no one's way."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from installation import NOW, Installation
from scripted import Scripted
from test_guards import PAID, session

from pipelines.outcomes import Report
from pipelines.runs import Options

Install = Callable[..., Installation]


@pytest.fixture
def place(install: Install) -> Installation:
    """An installation whose API only exists in this process."""
    return install("http://127.0.0.1:9", sync__reread_ratio=0)


def sync(place: Installation, *sessions: Any, now: int = NOW) -> Report:
    return place.sync(Options(transport=Scripted(sessions, now)))


def drift(place: Installation) -> dict[str, tuple[str, int, str]]:
    return {
        path: found
        for path, *found in place.rows("select path, type, sessions, example_id from meta.drift")
    }


def test_unknown_fields_at_any_level_are_noted_with_their_type_and_stay_in_the_payload(
    place: Installation,
) -> None:
    item = {"id": "li_1", "price": {"id": "price_1", "shade": None}, "weight": 1.5}
    new = session(
        1,
        brand_new={"secret": "lovelace@example.com"},
        customer_details={"email": None, "nickname": "lovelace@example.com"},
        custom_fields=[{"key": "a", "type": "text", "hint": ["lovelace@example.com"]}],
        line_items={"data": [item], "has_more": False},
    )
    report = sync(place, session(2), new)
    assert report.outcome == "completed"
    assert drift(place) == {
        "brand_new": ["object", 1, new["id"]],
        "customer_details.nickname": ["string", 1, new["id"]],
        "custom_fields[].hint": ["array", 1, new["id"]],
        "line_items.data[].price.shade": ["null", 1, new["id"]],
        "line_items.data[].weight": ["number", 1, new["id"]],
    }
    assert (
        place.value(
            "select payload->>'$.brand_new.secret' from checkout_sessions where id = ?", new["id"]
        )
        == "lovelace@example.com"
    )
    assert "lovelace" not in str(place.rows("from meta.drift"))
    assert "5; see `checkouts sql -q drift`" in place.call("status").out
    assert place.call("status", "--json").object["drift"] == 5
    assert "customer_details.nickname" in place.call("sql", "-q", "drift").out


def test_a_value_of_an_unexpected_enum_or_type_is_noted(place: Installation) -> None:
    odd = session(
        1,
        submit_type="barter",
        branding_settings="plain",
        line_items={
            "data": [{"id": "li_1", "price": {"id": "p", "type": "leased"}}],
            "has_more": False,
        },
    )
    bad = session(2, amount_total="lovelace@example.com")
    report = sync(place, odd, bad)
    assert report.outcome == "completed_with_rejects"
    assert drift(place) == {
        "submit_type": ["new value", 1, odd["id"]],
        "branding_settings": ["string", 1, odd["id"]],
        "line_items.data[].price.type": ["new value", 1, odd["id"]],
        "amount_total": ["string", 1, bad["id"]],
    }
    assert place.value("select submit_type from checkout_sessions") == "barter"


def test_what_was_noted_counts_new_versions_of_sessions_and_no_reading_again(
    place: Installation,
) -> None:
    sessions = [session(n, brand_new=n) for n in range(250)]
    sync(place, *sessions)
    sync(place, *sessions, now=NOW + 60)
    assert drift(place)["brand_new"][:2] == ["integer", 250]
    first_seen = place.value("select first_seen from meta.drift")
    sync(place, *(s | {"metadata": {"a": "1"}} for s in sessions[:3]), *sessions[3:], now=NOW + 99)
    assert drift(place)["brand_new"][:2] == ["integer", 253]
    assert place.value("select first_seen from meta.drift") == first_seen


def test_a_flood_of_new_names_neither_stops_a_sync_nor_fills_the_warehouse(
    place: Installation,
) -> None:
    sessions = [session(n, **{f"name {n}": 1, 'odd"`\n$.name': n}) for n in range(200)]
    report = sync(place, *sessions)
    assert (report.outcome, report.counts.inserted) == ("completed", 200)
    assert 64 <= place.value("select count(*) from meta.drift") <= 66
    payload = place.value(
        "select payload::varchar from checkout_sessions where id = 'cs_test_0150'"
    )
    assert json.loads(payload) == sessions[150]


def test_an_older_api_versions_shapes_are_no_drift(place: Installation) -> None:
    older = session(
        1,
        shipping_details={"name": "Ada", "address": {"city": "Bern"}},
        ui_mode="embedded",
        customer={"id": "cus_1", "object": "customer", "email": "ada@example.com"},
        **PAID,
    )
    sync(place, older)
    assert drift(place) == {}
    assert place.rows(
        "select collected_information_shipping_details_address_city, ui_mode, customer"
        " from checkout_sessions"
    ) == [("Bern", "embedded", "cus_1")]


def test_names_unknown_in_an_older_place_are_noted_and_the_session_is_loaded(
    place: Installation,
) -> None:
    older = {"name": "Ana", "carrier": None, "address": {"city": "Lyon", "district": "4"}}
    report = sync(place, session(1, shipping_details=older), session(2))
    assert report.outcome == "completed"
    assert place.rows(
        "select collected_information_shipping_details_address_city from checkout_sessions"
        " where id like '%1'"
    ) == [("Lyon",)]
    assert drift(place).keys() == {
        "shipping_details.address.district",
        "shipping_details.carrier",
    }
