"""Sessions that have no place in the columns: set aside, looked at again, gone once they fit."""

from collections.abc import Callable
from typing import Any

import pytest
from installation import DAY_S, NOW, Installation
from scripted import Scripted
from test_guards import BORN, PAID, session

from pipelines.outcomes import Report
from pipelines.runs import Options

Install = Callable[..., Installation]


@pytest.fixture
def place(install: Install) -> Installation:
    """An installation whose API only exists in this process."""
    return install("http://127.0.0.1:9")


def sync(place: Installation, api: Scripted) -> Report:
    return place.sync(Options(transport=api))


def rejects(place: Installation) -> list[tuple[Any, ...]]:
    return place.rows("select id, reason from meta.rejects order by id")


def unsettled(place: Installation) -> dict[str, str]:
    return dict(place.rows("select id, reason from meta.unsettled"))


def test_an_open_reject_is_read_again_by_every_sync_until_it_fits(place: Installation) -> None:
    api = Scripted([session(1, amount_total="x"), session(2, **PAID)], NOW)
    assert sync(place, api).outcome == "completed_with_rejects"
    assert unsettled(place) == {"cs_test_0001": "open", "cs_test_0002": "fresh"}
    api.now += 60
    again = sync(place, api)
    assert (again.counts.rejected, again.outcome) == (1, "completed_with_rejects")
    assert len(rejects(place)) == 1
    api.now += 60
    api.sessions = [session(1, **PAID), session(2, **PAID)]
    assert sync(place, api).outcome == "completed"
    assert rejects(place) == []
    assert place.value("select count(*) from checkout_sessions") == 2


def test_what_is_stored_agrees_with_itself_while_a_reject_is_read_again(
    place: Installation,
) -> None:
    items = {"object": "list", "data": [{"id": "li_1", "quantity": 1}], "has_more": False}
    tax_ids = {"tax_ids": [{"type": "eu_vat", "value": "DE1"}]}
    bad = session(1, amount_total="x", line_items=items, customer_details=tax_ids)
    sync(place, Scripted([bad, session(2)], NOW))
    assert unsettled(place) == {"cs_test_0001": "open", "cs_test_0002": "open"}
    done = place.call("verify", "--offline")
    assert (done.code, done.err) == (0, "")
    # Of a session that isn't rejected, it is still a fault.
    place.change("delete from checkout_sessions")
    assert "session_id=cs_test_0002" in place.call("verify", "--offline").out


def test_what_was_stored_of_a_session_stays_when_a_later_version_is_rejected(
    place: Installation,
) -> None:
    api = Scripted([session(1)], NOW)
    sync(place, api)
    api.now += 60
    api.sessions = [session(1, locale=7, **PAID)]
    assert sync(place, api).exit_code == 4
    assert place.rows("select status, amount_total from checkout_sessions") == [("open", 10_000)]
    assert [id_ for id_, _ in rejects(place)] == ["cs_test_0001"]
    api.now += 60
    api.sessions = [session(1, locale="de", **PAID)]
    place.backfill(BORN, BORN + 1, Options(transport=api))
    assert place.rows("select status, locale from checkout_sessions") == [("complete", "de")]
    assert rejects(place) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"status": "expired"}, None, id="expired"),
        pytest.param({"status": "complete", "payment_status": "unpaid"}, "unpaid", id="unpaid"),
        pytest.param({"status": "complete", "payment_status": "paid"}, "fresh", id="paid"),
        pytest.param({"status": 7}, "unpaid", id="a state that can't be read"),
        pytest.param({"status": "open"}, "open", id="open"),
    ],
)
def test_a_reject_is_read_again_by_the_rules_for_unsettled_sessions(
    fields: dict[str, Any], reason: str | None, place: Installation
) -> None:
    sync(place, Scripted([session(1, **{"amount_total": "x", **fields})], NOW))
    assert unsettled(place) == ({"cs_test_0001": reason} if reason else {})


def test_a_settled_reject_costs_no_request_of_its_own(place: Installation) -> None:
    old = NOW - 90 * DAY_S
    api = Scripted([session(1, old, amount_total="x", **PAID)], NOW)
    sync(place, api)
    api.now += 60
    assert sync(place, api).requests == 1
    assert len(rejects(place)) == 1


def test_a_reject_that_the_api_no_longer_returns_is_looked_for_no_more(
    place: Installation,
) -> None:
    api = Scripted([session(1, amount_total="x")], NOW)
    sync(place, api)
    api.now += 60
    api.sessions = []
    assert sync(place, api).outcome == "completed"
    assert unsettled(place) == {}
    assert len(rejects(place)) == 1


def test_a_missing_session_that_returns_unfit_is_missing_no_more(place: Installation) -> None:
    api = Scripted([session(1)], NOW)
    sync(place, api)
    api.now += 60
    api.sessions = []
    sync(place, api)
    missing = "select count(*) from checkout_sessions where missing_since is not null"
    assert place.value(missing) == 1
    api.now += 60
    api.sessions = [session(1, amount_total="x")]
    place.backfill(BORN, BORN + 1, Options(transport=api))
    assert place.value(missing) == 0
    assert unsettled(place) == {"cs_test_0001": "open"}
    # Once more gone, it is missing once more.
    api.now += 60
    api.sessions = []
    sync(place, api)
    assert place.value(missing) == 1
    assert unsettled(place) == {}


def test_an_observation_older_than_what_is_stored_neither_rejects_nor_clears(
    place: Installation,
) -> None:
    newer = Scripted([session(1, **PAID), session(2, amount_total="x")], NOW + 100)
    older = Scripted(
        [session(1, amount_total="y"), session(2)],
        NOW,
        before=lambda _: place.backfill(BORN, BORN + 1, Options(transport=newer)),
    )
    place.backfill(BORN, BORN + 1, Options(transport=older))
    assert [id_ for id_, _ in rejects(place)] == ["cs_test_0002"]
    assert place.rows("select status from checkout_sessions where id = 'cs_test_0001'") == [
        ("complete",)
    ]


def test_an_older_reject_says_nothing_of_whether_a_session_may_still_change(
    place: Installation,
) -> None:
    expired = {"status": "expired"}
    newer = Scripted([session(1, **expired), session(2, amount_total="x", **expired)], NOW + 100)
    older = Scripted(
        [session(1, amount_total="y"), session(2, amount_total="y")],
        NOW,
        before=lambda _: place.backfill(BORN, BORN + 1, Options(transport=newer)),
    )
    place.backfill(BORN, BORN + 1, Options(transport=older))
    assert [id_ for id_, _ in rejects(place)] == ["cs_test_0002"]
    assert unsettled(place) == {}


def test_a_session_that_was_found_the_same_since_is_not_rejected_for_what_it_was(
    place: Installation,
) -> None:
    sync(place, Scripted([session(1)], NOW - 600))
    newer = Scripted([session(1)], NOW + 100)
    older = Scripted(
        [session(1, amount_total="x")],
        NOW,
        before=lambda _: place.backfill(BORN, BORN + 1, Options(transport=newer)),
    )
    place.backfill(BORN, BORN + 1, Options(transport=older))
    assert rejects(place) == []
    assert unsettled(place) == {"cs_test_0001": "open"}
