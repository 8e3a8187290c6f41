"""A session's life is a function of the seed and the time, and comes to rest."""

import json
from collections import Counter
from typing import Any

from emulator_fixture import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.emulator.app import Emulator, Options
from pipelines.emulator.session import SETTLED_S
from pipelines.emulator.shop import Shop

HOUR_S = 3_600
DAY_S = 24 * HOUR_S
OPTIONS = {"livemode": False, "now": NOW, "sessions": 1_500, "days": 80, "days_ahead": 3}
SHOP = Shop("1", **OPTIONS)
COUNT = len(SHOP.created)
INDEXES = st.integers(0, COUNT - 1)


def at(index: int, after_s: int) -> dict[str, Any]:
    """A session so many seconds after it was created."""
    return json.loads(SHOP.body(index, SHOP.created[index] + after_s))


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others() -> None:
    again, other = Shop("1", **OPTIONS), Shop("2", **OPTIONS)
    live = Shop("1", **(OPTIONS | {"livemode": True}))
    for index in range(0, COUNT, 7):
        body = SHOP.body(index, NOW)
        assert again.body(index, NOW) == body
        assert again.line_items(index, NOW) == SHOP.line_items(index, NOW)
        assert index >= len(other.created) or other.body(index, NOW) != body
        assert index >= len(live.created) or live.id_of(index) != SHOP.id_of(index)


def test_a_shop_has_exactly_its_sessions_up_to_now() -> None:
    for sessions in (0, 1, 7, 50, 1_500):
        shop = Shop("1", **(OPTIONS | {"sessions": sessions}))
        past = [created for created in shop.created if created <= NOW]
        assert len(past) == sessions
        assert all(created > NOW - 80 * DAY_S for created in past)
        assert all(created <= NOW + 3 * DAY_S for created in shop.created)


def test_sales_put_many_sessions_into_one_second() -> None:
    shop = Shop("1", **(OPTIONS | {"sessions": 30_000}))
    busiest = Counter(shop.created).most_common(3)
    assert all(count > 200 for _, count in busiest)


def test_nights_are_quieter_than_evenings() -> None:
    hours = Counter(created // HOUR_S % 24 for created in SHOP.created)
    assert sum(hours[h] for h in (1, 2, 3, 4)) * 3 < sum(hours[h] for h in (17, 18, 19, 20))


def test_advancing_in_steps_shows_the_same_as_advancing_at_once() -> None:
    options = Options(sessions=150, days=5, now=NOW, frozen=True)
    steps, once = Emulator(options), Emulator(options)
    for _ in range(12):
        steps.clock.advance(HOUR_S)
        steps.store().bodies(int(steps.clock.now()))
    once.clock.advance(12 * HOUR_S)
    now = int(once.clock.now())
    assert steps.store().bodies(now) == once.store().bodies(now)


@settings(max_examples=150, deadline=None)
@given(INDEXES, st.lists(st.integers(0, 70 * DAY_S), min_size=2, max_size=6))
def test_a_session_only_moves_forward(index: int, moments: list[int]) -> None:
    status = {"open": 0, "complete": 1, "expired": 2}
    before = None
    for moment in sorted(moments):
        now = at(index, moment)
        if before:
            assert status[now["status"]] >= status[before["status"]]
            assert not (before["status"] == "complete" and now["status"] == "expired")
            if before["payment_status"] != "unpaid":
                assert now["payment_status"] == before["payment_status"]
            for name in ("customer", "payment_intent", "subscription", "setup_intent", "invoice"):
                assert before[name] in (None, now[name])
        before = now


def test_a_session_is_open_until_it_completes_or_expires() -> None:
    for index in range(COUNT):
        first = at(index, 0)
        assert first["status"] == "open"
        assert first["expires_at"] - first["created"] in range(HOUR_S // 2, DAY_S + 1)
        assert (first["url"] is None) == (first["ui_mode"] != "hosted_page")
        assert (first["client_secret"] is None) == (first["ui_mode"] == "hosted_page")
        last = at(index, first["expires_at"] - first["created"])
        assert last["status"] in {"complete", "expired"}
        assert last["url"] is None


def test_what_completing_brings_is_there_by_the_25th_hour() -> None:
    late = 0
    for index in range(COUNT):
        due, settled = at(index, 25 * HOUR_S), at(index, SETTLED_S)
        changed = {name for name in settled if settled[name] != due[name]}
        assert changed <= {"payment_status"}
        if due["status"] != "complete":
            continue
        assert due["customer_details"]["email"]
        assert due["collected_information"]
        if due["mode"] == "subscription":
            assert due["subscription"]
            assert due["customer"]
            assert due["invoice"]
        if due["mode"] == "setup":
            assert due["setup_intent"]
            assert due["payment_status"] == "no_payment_required"
        if due["mode"] == "payment":
            assert (due["payment_intent"] is None) == (due["amount_total"] == 0)
            assert (due["payment_status"] == "no_payment_required") == (due["amount_total"] == 0)
        late += changed == {"payment_status"}
    assert late > 20


def test_nothing_changes_after_62_days() -> None:
    never_paid = 0
    for index in range(COUNT):
        settled = at(index, SETTLED_S)
        assert at(index, 1_000 * DAY_S) == settled
        if settled["status"] == "complete":
            never_paid += settled["payment_status"] == "unpaid"
    assert 0 < never_paid < COUNT / 20


def test_invoices_may_come_after_completion() -> None:
    late = 0
    for index in range(COUNT):
        moments = [at(index, minutes * 60) for minutes in range(0, 26 * 60, 30)]
        late += any(s["status"] == "complete" and not s["invoice"] for s in moments) and bool(
            moments[-1]["invoice"]
        )
        if index == 300:
            break
    assert late


def test_late_sessions_appear_within_their_time() -> None:
    late_s = 90
    prompt, late = Shop("1", **OPTIONS), Shop("1", **OPTIONS, late_s=late_s)
    assert list(late.created) == list(prompt.created)
    delayed = 0
    for index in range(0, COUNT, 3):
        created = late.created[index]
        _, hidden = late.horizon(created)
        delayed += index in hidden
        assert index not in late.horizon(created + late_s).hidden
        assert not prompt.horizon(created).hidden
    assert COUNT / 3 * 0.1 < delayed < COUNT / 3 * 0.4
