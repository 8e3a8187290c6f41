"""Line items: all of them, in order, kept up to date, and asked for no oftener than needed."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from installation import DAY_S, NOW, Installation
from scripted import Scripted

from pipelines.findings import Findings
from pipelines.outcomes import Report
from pipelines.privacy import hashed
from pipelines.runs import Options
from pipelines.verify import verify

Install = Callable[..., Installation]
DONE = {"status": "complete", "payment_status": "paid"}
URL = "/v1/checkout/sessions/{}/line_items"


def item(number: int, **fields: Any) -> dict[str, Any]:
    """A line item of a yearly subscription."""
    return {
        "id": f"li_{number:04d}",
        "object": "item",
        "amount_total": 100 * number,
        "currency": "eur",
        "quantity": number,
        "price": {
            "id": "price_1",
            "object": "price",
            "product": {"id": "prod_1", "object": "product"},
            "recurring": {"interval": "year", "interval_count": 1},
        },
        **fields,
    }


def session(number: int, items: int | list[dict[str, Any]] = 0, **fields: Any) -> dict[str, Any]:
    """A session of two days ago with its line items, settled unless told otherwise."""
    return {
        "id": f"cs_test_{number:04d}",
        "object": "checkout.session",
        "created": NOW - 2 * DAY_S - number,
        "livemode": False,
        "mode": "subscription",
        "amount_total": 7,
        **DONE,
        "line_items": [item(n) for n in range(items)] if isinstance(items, int) else items,
        **fields,
    }


@dataclass
class Shop(Scripted):
    """Serves sessions with their first ten line items, and further ones by themselves.

    Attributes:
        refusals: what a session's further line items are answered with instead.
        further: ids of the sessions whose further line items were asked for.
        meanwhile: line items that sessions have once the list was answered.
        during: called when line items are asked for.
    """

    refusals: dict[str, httpx.Response] = field(default_factory=dict)
    further: list[str] = field(default_factory=list)
    meanwhile: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    during: Callable[[], object] = lambda: None
    items: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/line_items"):
            return self._items(request)
        expanded = "data.line_items" in request.url.params.get_list("expand[]")
        answer = super().handle_request(request)
        listing = json.loads(answer.content)
        for each in listing["data"]:
            items = each.pop("line_items")
            self.items[each["id"]] = self.meanwhile.get(each["id"], items)
            if expanded:
                each["line_items"] = listed(items, 10)
        return replaced(answer, listing)

    def _items(self, request: httpx.Request) -> httpx.Response:
        id_ = request.url.path.split("/")[-2]
        with self._lock:
            self.further.append(id_)
        self.during()
        params = request.url.params
        if id_ in self.refusals:
            return self.refusals[id_]
        items = self.items[id_]
        cursor = params.get("starting_after")
        if cursor is not None:
            ids = [each["id"] for each in items]
            if cursor not in ids:
                return refusal(400, "resource_missing", "starting_after")
            items = items[ids.index(cursor) + 1 :]
        return dated(httpx.Response(200, json=listed(items, int(params["limit"]))), self.now)


def listed(items: Sequence[dict[str, Any]], limit: int) -> dict[str, Any]:
    return {"object": "list", "data": items[:limit], "has_more": len(items) > limit}


def replaced(answer: httpx.Response, body: Any) -> httpx.Response:
    return httpx.Response(200, json=body, headers={"Date": answer.headers["Date"]})


def dated(answer: httpx.Response, now: int) -> httpx.Response:
    answer.headers["Date"] = (
        Scripted([], now)
        .handle_request(httpx.Request("GET", "http://127.0.0.1:9/"))
        .headers["Date"]
    )
    return answer


def refusal(status: int, code: str, param: str | None = None) -> httpx.Response:
    error = {"type": "invalid_request_error", "code": code, "message": "No", "param": param}
    return httpx.Response(status, json={"error": error})


@pytest.fixture
def place(install: Install) -> Installation:
    """An installation whose API only exists in this process."""
    return install("http://127.0.0.1:9", sync__reread_ratio=0)


def sync(place: Installation, shop: Shop, **over: Any) -> Report:
    return place.sync(Options(transport=shop), **over)


def backfill(place: Installation, shop: Shop, **over: Any) -> Report:
    return place.backfill(NOW - 9 * DAY_S, NOW, Options(transport=shop), **over)


def test_line_items_of_further_pages_are_kept_private_like_the_first(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "a key of this test's own"
    monkeypatch.setenv("CHECKOUTS_PRIVACY_KEY", key)
    items = [item(n, description=f"cake {n}", note="for Ana") for n in range(130)]
    shop = Shop([session(1, items)], NOW)
    hidden = {
        "privacy__drop": "line_items.data.description",
        "privacy__hash": "line_items.data.price.id",
    }
    assert sync(place, shop, **hidden).outcome == "completed"
    assert len(shop.further) > 0
    hash_ = hashed("price_1", key.encode())
    told = "select description, price_id, count(*) from checkout_session_line_items group by all"
    assert place.rows(told) == [(None, hash_, 130)]
    kept = stored(place)["cs_test_0001"]
    assert all("description" not in each and each["price"]["id"] == hash_ for each in kept)


def stored(place: Installation) -> dict[str, list[Any]]:
    """The stored line items by session, in order, as they were received."""
    found: dict[str, list[Any]] = {}
    for id_, position, text in place.rows(
        'select session_id, "position", payload::varchar from checkout_session_line_items'
        ' order by session_id, "position"'
    ):
        assert position == len(found.setdefault(id_, []))
        found[id_].append(json.loads(text))
    return found


def served(shop: Shop) -> dict[str, list[Any]]:
    """The shop's line items by session."""
    return {
        s["id"]: s["line_items"] for s in shop.sessions if isinstance(s, dict) and s["line_items"]
    }


def compare(place: Installation, shop: Shop) -> Findings:
    settings = place.settings()
    return verify(settings, settings.chosen()[0], None, Options(transport=shop))


def lacking(place: Installation) -> int:
    """How many sessions lack line items, as `status` says."""
    status = place.call("status", "--json").object
    return int(status["line_items_incomplete"])


def test_all_line_items_are_there_in_order_with_price_product_and_interval(
    place: Installation,
) -> None:
    shop = Shop([session(n, count) for n, count in enumerate((0, 1, 10, 11, 110, 111, 250))], NOW)
    report = sync(place, shop)
    assert stored(place) == served(shop)
    assert report.outcome == "completed"
    # One for the page; 11 and 110 take one more, 111 two, 250 three.
    assert report.requests == 1 + 1 + 1 + 2 + 3
    assert sorted(shop.further) == [f"cs_test_{n:04d}" for n in (3, 4, 5, 5, 6, 6, 6)]
    assert place.rows(
        "select distinct price_id, price_product, price_recurring_interval, amount_total, quantity"
        " from checkout_session_line_items where id = 'li_0042'"
    ) == [("price_1", "prod_1", "year", 4_200, 42)]
    assert lacking(place) == 0


def test_further_line_items_are_asked_for_again_only_where_something_changed(
    place: Installation,
) -> None:
    shop = Shop([session(n, 30) for n in range(6)], NOW)
    sync(place, shop)
    shop.further.clear()
    assert backfill(place, shop).counts.unchanged == 6
    assert shop.further == []
    sessions = [dict(s) for s in shop.sessions if isinstance(s, dict)]
    sessions[1]["metadata"] = {"note": "sent"}
    sessions[4]["line_items"] = [item(0, description="Other"), *sessions[4]["line_items"][1:]]
    changed = replace(shop, sessions=sessions, further=[])
    report = backfill(place, changed)
    assert sorted(changed.further) == ["cs_test_0001", "cs_test_0004"]
    assert (report.counts.updated, report.counts.unchanged) == (2, 4)
    assert stored(place) == served(changed)
    # The session itself is as before, so it has no new version.
    assert place.rows("select id from checkout_session_history") == [("cs_test_0001",)]


def test_line_items_that_are_gone_from_an_open_session_are_gone_from_the_table(
    place: Installation,
) -> None:
    unpaid = {"status": "open", "payment_status": "unpaid"}
    shop = Shop([session(1, 25, **unpaid), session(2, 3, **unpaid)], NOW)
    sync(place, shop)
    fewer = Shop([session(1, 12, amount_total=3, **unpaid), session(2, 0, **unpaid)], NOW + 60)
    assert sync(place, fewer).counts.updated == 2
    assert stored(place) == served(fewer)


def test_without_line_items_none_are_read_or_deleted_and_a_backfill_with_them_fills_what_lacks(
    place: Installation,
) -> None:
    shop = Shop([session(1, 12), session(2, 2)], NOW)
    sync(place, shop)
    more = Shop([session(1, 3), session(2, 2), session(3, 11), session(4)], NOW + 60)
    off = backfill(place, more, stripe__line_items=False)
    assert (off.counts.inserted, off.counts.unchanged, off.requests) == (2, 2, 1)
    assert stored(place) == served(shop)
    assert lacking(place) == 2
    assert "lacking for 2 sessions" in place.call("status").out
    on = backfill(place, more)
    assert (on.counts.updated, on.counts.unchanged) == (3, 1)
    assert stored(place) == served(more)
    assert lacking(place) == 0
    assert place.value("select count(*) from checkout_session_history") == 0


def test_a_session_that_changed_while_line_items_were_off_is_complete_only_once_all_are_read_again(
    place: Installation,
) -> None:
    sync(place, Shop([session(1, 30), session(2, 30)], NOW))
    items = [*(item(n) for n in range(20)), *(item(n, quantity=7) for n in range(20, 30))]
    later = Shop([session(1, items, amount_total=8), session(2, 30)], NOW + 60)
    assert backfill(place, later, stripe__line_items=False).counts.updated == 1
    assert lacking(place) == 1
    assert compare(place, later).exit_code == 6
    later.further.clear()
    backfill(place, later)
    assert later.further == ["cs_test_0001"]
    assert stored(place) == served(later)
    assert lacking(place) == 0


def test_a_list_that_does_not_say_whether_there_is_more_is_asked_for_the_rest(
    place: Installation,
) -> None:
    class Terse(Shop):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            listing = json.loads(answer.content)
            for each in listing["data"]:
                each.get("line_items", {}).pop("has_more", None)
            return replaced(answer, listing)

    shop = Terse([session(1, 12), session(2, 3)], NOW)
    sync(place, shop)
    assert stored(place) == served(shop)
    assert lacking(place) == 0


def test_further_line_items_that_begin_again_fail_the_window(place: Installation) -> None:
    class Repeating(Shop):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/line_items"):
                request.url = request.url.copy_remove_param("starting_after")
            return super().handle_request(request)

    report = sync(place, Repeating([session(1, 30)], NOW))
    assert (report.outcome, report.exit_code) == ("failed", 3)
    assert "same line item twice" in str(report.error)
    assert place.call("status").code == 5 or place.coverage() == []


@pytest.mark.parametrize("odd", [item(25, quantity="x"), item(25, id=7)])
def test_a_session_with_an_odd_line_item_on_a_further_page_is_rejected_and_no_other(
    odd: dict[str, Any], place: Installation
) -> None:
    items = [item(n) for n in range(30)]
    shop = Shop([session(1, [*items[:25], odd, *items[26:]]), session(2, 20)], NOW)
    assert sync(place, shop).outcome == "completed_with_rejects"
    assert stored(place).keys() == {"cs_test_0002"}
    assert place.rows("select id from meta.rejects") == [("cs_test_0001",)]


def test_a_rejected_session_keeps_its_further_line_items_for_when_they_fit(
    place: Installation,
) -> None:
    odd = [item(n, quantity="x" if n == 25 else 1) for n in range(30)]
    sync(place, Shop([session(1, odd)], NOW))
    place.change("""update meta.rejects set payload = replace(payload, '"x"', '1')""")
    assert place.call("reflatten").code == 0
    assert stored(place) == {"cs_test_0001": [item(n, quantity=1) for n in range(30)]}
    assert lacking(place) == 0


def test_a_rejected_session_whose_line_items_were_refused_lacks_them_once_it_is_loaded(
    place: Installation,
) -> None:
    shop = Shop([session(1, 20)], NOW)
    shop.refusals["cs_test_0001"] = refusal(404, "resource_missing")
    sync(place, shop)
    assert place.call("reflatten").code == 0
    assert lacking(place) == 1
    shop = Shop(shop.sessions, NOW + 60)
    sync(place, shop)
    assert stored(place) == served(shop)


@pytest.mark.parametrize("status", [400, 404])
def test_a_session_whose_line_items_are_refused_for_good_is_rejected_and_no_other(
    status: int, place: Installation
) -> None:
    shop = Shop([session(1, 20), session(2, 20), session(3, 2)], NOW)
    shop.refusals["cs_test_0001"] = refusal(status, "resource_missing")
    report = sync(place, shop)
    assert (report.outcome, report.exit_code) == ("completed_with_rejects", 4)
    assert (report.counts.inserted, report.counts.rejected) == (2, 1)
    assert stored(place).keys() == {"cs_test_0002", "cs_test_0003"}
    ((id_, reason),) = place.rows("select id, reason from meta.rejects")
    assert id_ == "cs_test_0001"
    assert "line items" in reason
    shop.refusals.clear()
    assert backfill(place, shop).outcome == "completed"
    assert place.value("select count(*) from meta.rejects") == 0
    assert stored(place) == served(shop)


@pytest.mark.parametrize("status", [403, 500])
def test_any_other_failure_of_line_items_fails_the_window(status: int, place: Installation) -> None:
    shop = Shop([session(1, 20), session(2, 2)], NOW)
    shop.refusals["cs_test_0001"] = refusal(status, "api_error")
    report = sync(place, shop, stripe__retry_for_s=0)
    assert (report.outcome, report.exit_code) == ("failed", 3)
    assert place.call("status").code == 5 or place.coverage() == []


def test_line_items_that_change_between_their_pages_are_read_from_the_beginning(
    place: Installation,
) -> None:
    later = [item(n) for n in range(100, 140)]
    sync(place, Shop([session(1, 30)], NOW, meanwhile={"cs_test_0001": later}))
    assert stored(place) == {"cs_test_0001": later}
    assert lacking(place) == 0


def test_a_list_that_another_run_changed_meanwhile_is_completed_by_the_next_sync(
    place: Installation,
) -> None:
    sync(place, Shop([session(1, 30), session(2, 20)], NOW))
    other = Shop([session(1, 40, metadata={"note": "brief"}), session(2, 20)], NOW + 60)
    # Asked for the second one's line items, it has found the first one as stored; then it isn't.
    later = Shop(
        [session(1, 30), session(2, 20, amount_total=8)],
        NOW + 120,
        during=lambda: backfill(place, other),
    )
    backfill(place, later)
    assert later.further == ["cs_test_0002"]
    assert lacking(place) == 1
    assert place.rows("select id, reason from meta.unsettled") == [("cs_test_0001", "partial")]
    last = Shop(later.sessions, NOW + 180)
    sync(place, last)
    assert stored(place) == served(last)
    assert lacking(place) == 0
    assert place.rows("select id from meta.unsettled") == []


def test_verify_names_sessions_whose_line_items_differ_and_where(place: Installation) -> None:
    shop = Shop([session(1, 30), session(2, 3), session(3, 1)], NOW)
    sync(place, shop)
    place.change(
        "update checkout_session_line_items set payload = json_merge_patch(payload,"
        " '{\"quantity\": 99}') where session_id = 'cs_test_0001' and position = 20"
    )
    place.change("delete from checkout_session_line_items where session_id = 'cs_test_0002'")
    findings = compare(place, shop)
    assert {d.id: d.paths for d in findings.of("stale")} == {
        "cs_test_0001": ("line_items[20].quantity",),
        "cs_test_0002": ("line_items[]",),
    }
    assert findings.exit_code == 6
    assert findings.mends_line_items
    assert backfill(place, shop, line_items=True).counts.updated == 2
    assert compare(place, shop).differences == []


def test_a_session_whose_row_alone_was_deleted_is_whole_again_after_the_backfill(
    place: Installation,
) -> None:
    fields = [{"key": "size", "label": {"custom": "Size", "type": "custom"}, "type": "text"}]
    shop = Shop([session(1, 12, custom_fields=fields), session(2, 2, custom_fields=fields)], NOW)
    sync(place, shop)
    place.change("delete from checkout_sessions where id = 'cs_test_0001'")
    assert [found.id for found in compare(place, shop).of("missing")] == ["cs_test_0001"]
    assert backfill(place, shop).counts.inserted == 1
    assert stored(place) == served(shop)
    assert place.value("select count(*) from checkout_session_custom_fields") == 2
    assert compare(place, shop).differences == []


@pytest.mark.parametrize("reads", [backfill, compare])
@pytest.mark.parametrize("code", [0, 3])
def test_threads_that_read_line_items_end_with_what_they_were_started_for(
    code: int, reads: Callable[..., Report | Findings], place: Installation
) -> None:
    sync(place, Shop([session(n, 20, metadata={"note": "old"}) for n in range(6)], NOW))
    started: set[threading.Thread] = set()
    shop = Shop(
        [session(n, 20) for n in range(6)],
        NOW + 60,
        refusals={"cs_test_0005": refusal(403, "api_error")} if code else {},
        during=lambda: started.add(threading.current_thread()),
    )
    # What is told of a failure holds on to all that took part in it.
    told = reads(place, shop)
    assert (told.error.exit_code if told.error else 0) == code
    assert {thread.name.partition("_")[0] for thread in started} == {"line-items"}
    for thread in started:  # that they end is certain, when is not
        thread.join(5)
    assert not started & {*threading.enumerate()}
