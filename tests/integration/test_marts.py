"""Every figure of every mart, worked out again in Python from the JSON that the API shows."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from installation import DAY_S, HOUR_S, NOW, START, Installation
from scripted import Scripted
from test_guards import PAID
from test_guards import session as handmade

from pipelines.emulator.app import Options, Running, running
from pipelines.runs import Options as RunOptions

ZONE = ZoneInfo("America/New_York")
STEPS = (7 * HOUR_S, 30 * HOUR_S, 3 * DAY_S, 45 * HOUR_S)
THREE_DECIMALS, NO_DECIMALS = {"kwd"}, {"jpy", "krw"}

Json = dict[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Known:
    """A shop that was synced at several moments, and what the API showed at each of them."""

    place: Installation
    moments: list[int]
    seen: list[dict[str, Json]]
    items: dict[str, list[Json]]

    @property
    def sessions(self) -> list[Json]:
        """All sessions as the API shows them now."""
        return [*self.seen[-1].values()]

    def mart(self, name: str, *key: str) -> dict[Any, Row]:
        """A mart's rows by their key, which must be one."""
        rows = self.place.table(f"select * from marts.{name}")
        found = {tuple(row[column] for column in key): row for row in rows}
        assert len(found) == len(rows), f"{key} is no key of {name}"
        return found


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    with ExitStack() as stack:
        options = Options(sessions=900, days=25, now=NOW, frozen=True)
        shop = stack.enter_context(running(options))
        place = Installation(
            tmp_path_factory.mktemp("marts"), shop.url, sync__reread_ratio=0, timezone=ZONE.key
        )
        moments, seen = [], []
        for step in (0, *STEPS):
            shop.advance(step)
            assert place.sync().outcome == "completed"
            moments.append(int(shop.now))
            seen.append({session["id"]: session for session in shop.sessions()})
        yield Known(place, moments, seen, line_items(shop))


def line_items(shop: Running) -> dict[str, list[Json]]:
    """The line items of all sessions, as the API shows them now."""
    source, now = shop.store.source, int(shop.now)
    return {
        source.id_of(index): [json.loads(item) for item in source.line_items(index, now)]
        for index in range(source.horizon(now).end)
    }


def major(minor: int | None, currency: str | None) -> Decimal | None:
    if minor is None or currency is None:
        return None
    digits = 3 if currency in THREE_DECIMALS else 0 if currency in NO_DECIMALS else 2
    return Decimal(minor).scaleb(-digits)


def total(amounts: Any) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))


def local(session: Json) -> datetime:
    return datetime.fromtimestamp(session["created"], ZONE).replace(tzinfo=None)


def day(session: Json) -> date:
    return local(session).date()


def complete(session: Json) -> bool:
    return bool(session["status"] == "complete")


def paid(session: Json) -> bool:
    return bool(session["payment_status"] == "paid")


def email(session: Json) -> str | None:
    given = (session["customer_details"] or {}).get("email") or session["customer_email"]
    return given.strip().lower() if given else None


def country(session: Json) -> str | None:
    details = (session["customer_details"] or {}).get("address") or {}
    shipping = (session["collected_information"] or {}).get("shipping_details") or {}
    found: str | None = details.get("country") or (shipping.get("address") or {}).get("country")
    return found


def amounts(session: Json, *names: str) -> Decimal | None:
    """An amount of a session or of its total_details, in the major unit."""
    value: Any = session
    for name in names:
        value = value[name] if value is not None else None
    return major(value, session["currency"])


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def grouped(sessions: list[Json], key: Callable[[Json], Any]) -> dict[Any, list[Json]]:
    groups = defaultdict(list)
    for session in sessions:
        groups[key(session)].append(session)
    return groups


def test_sessions_has_each_session_with_what_follows_from_it(known: Known) -> None:
    mart = known.mart("sessions", "account", "id")
    assert mart.keys() == {("default", session["id"]) for session in known.sessions}
    outcomes = Counter()
    for session in known.sessions:
        row = mart["default", session["id"]]
        assert row["created"] == at(session["created"])
        assert row["created_local"] == local(session)
        assert row["created_date"] == day(session)
        assert row["created_month"] == day(session).replace(day=1)
        assert row["amount_total"] == session["amount_total"]
        assert row["amount_total_major"] == amounts(session, "amount_total")
        assert row["amount_subtotal_major"] == amounts(session, "amount_subtotal")
        for name in ("amount_discount", "amount_shipping", "amount_tax"):
            expected = amounts(session, "total_details", name)
            assert row[f"total_details_{name}_major"] == expected
        shown = session["presentment_details"] or {}
        expected = major(shown.get("presentment_amount"), shown.get("presentment_currency"))
        assert row["presentment_details_presentment_amount_major"] == expected
        assert row["email"] == email(session)
        assert row["country"] == country(session)
        assert row["is_complete"] == complete(session)
        assert row["is_paid"] == paid(session)
        assert row["is_abandoned"] == (session["status"] == "expired")
        outcomes[row["outcome"], session["status"], session["payment_status"]] += 1
    assert outcomes.keys() - {("open", "open", "no_payment_required")} == {
        ("paid", "complete", "paid"),
        ("awaiting_payment", "complete", "unpaid"),
        ("complete_without_payment", "complete", "no_payment_required"),
        ("abandoned", "expired", "unpaid"),
        ("abandoned", "expired", "no_payment_required"),
        ("open", "open", "unpaid"),
    }


def test_daily_sessions_counts_and_sums_each_day(known: Known) -> None:
    groups = grouped(known.sessions, lambda s: ("default", day(s), s["mode"], s["currency"]))
    mart = known.mart("daily_sessions", "account", "created_date", "mode", "currency")
    assert mart.keys() == groups.keys()
    for key, sessions in groups.items():
        row, those_paid = mart[key], [session for session in sessions if paid(session)]
        completed = sum(map(complete, sessions))
        assert row["sessions_created"] == len(sessions)
        assert row["sessions_completed"] == completed
        assert row["sessions_paid"] == len(those_paid)
        assert row["sessions_expired"] == sum(s["status"] == "expired" for s in sessions)
        assert row["sessions_open"] == sum(s["status"] == "open" for s in sessions)
        assert row["conversion"] == pytest.approx(completed / len(sessions))
        assert row["paid_share"] == pytest.approx(len(those_paid) / len(sessions))
        amount = total(amounts(s, "amount_total") for s in those_paid)
        tax = total(amounts(s, "total_details", "amount_tax") for s in those_paid)
        shipping = total(amounts(s, "total_details", "amount_shipping") for s in those_paid)
        discount = total(amounts(s, "total_details", "amount_discount") for s in those_paid)
        assert row["paid_amount_major"] == amount
        assert row["tax_major"] == tax
        assert row["shipping_major"] == shipping
        assert row["discount_major"] == discount
        assert row["paid_amount_without_tax_and_shipping_major"] == amount - tax - shipping


def test_funnel_counts_a_session_once_in_each_dimension(known: Known) -> None:
    places: dict[Any, list[Json]] = defaultdict(list)
    for session in known.sessions:
        values = [
            ("all", "all"),
            ("payment_link", session["payment_link"]),
            ("country", country(session)),
            ("locale", session["locale"]),
            ("mode", session["mode"]),
        ]
        values += [("payment_method", method) for method in set(session["payment_method_types"])]
        for dimension, value in values:
            places["default", dimension, value].append(session)
    mart = known.mart("funnel", "account", "dimension", "value")
    assert mart.keys() == places.keys()
    for key, sessions in places.items():
        completed, those_paid = sum(map(complete, sessions)), sum(map(paid, sessions))
        row = mart[key]
        assert row["sessions_created"] == len(sessions)
        assert row["sessions_completed"] == completed
        assert row["sessions_paid"] == those_paid
        assert row["conversion"] == pytest.approx(completed / len(sessions))
        assert row["paid_share"] == pytest.approx(those_paid / len(sessions))
        expected = those_paid / completed if completed else None
        assert row["paid_share_of_completed"] == pytest.approx(expected)


def test_abandoned_sessions_knows_whether_their_customers_paid_later(known: Known) -> None:
    mart = known.mart("abandoned_sessions", "account", "id")
    abandoned = [session for session in known.sessions if session["status"] == "expired"]
    assert mart.keys() == {("default", session["id"]) for session in abandoned}
    later, recovered = 0, 0
    for session in abandoned:
        row = mart["default", session["id"]]
        those = [
            other
            for other in known.sessions
            if paid(other)
            and email(other) is not None
            and email(other) == email(session)
            and other["created"] > session["created"]
        ]
        first = min((other["created"] for other in those), default=None)
        assert row["same_email_paid_later"] == bool(those)
        assert row["later_paid_session_created"] == (at(first) if first else None)
        assert row["later_paid_session"] in {o["id"] for o in those if o["created"] == first} | (
            set() if those else {None}
        )
        makers = [o["id"] for o in known.sessions if o["recovered_from"] == session["id"]]
        assert row["recovered_by"] in (makers or [None])
        recovery = (session["after_expiration"] or {}).get("recovery") or {}
        assert row["after_expiration_recovery_url"] == recovery.get("url")
        assert row["consent_promotions"] == (session["consent"] or {}).get("promotions")
        assert row["amount_total"] == session["amount_total"]
        assert row["amount_total_major"] == amounts(session, "amount_total")
        later, recovered = later + bool(those), recovered + bool(makers)
    assert later
    assert recovered


def test_customers_adds_up_each_e_mail(known: Known) -> None:
    groups = grouped(known.sessions, lambda s: ("default", email(s)))
    del groups["default", None]
    mart = known.mart("customers", "account", "email")
    assert mart.keys() == groups.keys()
    for key, sessions in groups.items():
        row, those_paid = mart[key], [session for session in sessions if paid(session)]
        assert row["sessions_created"] == len(sessions)
        assert row["sessions_completed"] == sum(map(complete, sessions))
        assert row["sessions_paid"] == len(those_paid)
        assert row["sessions_abandoned"] == sum(s["status"] == "expired" for s in sessions)
        created = [session["created"] for session in sessions]
        assert row["first_session_created"] == at(min(created))
        assert row["last_session_created"] == at(max(created))
        paid_at = [session["created"] for session in those_paid]
        assert row["first_paid_session_created"] == (at(min(paid_at)) if paid_at else None)
        assert row["last_paid_session_created"] == (at(max(paid_at)) if paid_at else None)
        by_currency = grouped(those_paid, lambda s: s["currency"])
        assert (row["paid_amount_major_by_currency"] or {}) == {
            currency: total(amounts(s, "amount_total") for s in each)
            for currency, each in by_currency.items()
        }


def test_line_items_and_products_add_up_what_was_sold(known: Known) -> None:
    by_id = known.seen[-1]
    sold: dict[Any, list[tuple[str, Json]]] = defaultdict(list)
    for session_id, items in known.items.items():
        for item in items:
            month = day(by_id[session_id]).replace(day=1)
            key = ("default", month, item["price"]["product"], item["description"])
            if paid(by_id[session_id]):
                sold[*key, item["currency"]].append((session_id, item))
    lines = known.mart("line_items", "account", "session_id", "position")
    assert len(lines) == sum(map(len, known.items.values()))
    for (_, session_id, position), row in lines.items():
        item = known.items[session_id][position]
        assert row["id"] == item["id"]
        assert row["is_paid"] == paid(by_id[session_id])
        assert row["amount_total_major"] == major(item["amount_total"], item["currency"])
    mart = known.mart("products", "account", "created_month", "product", "description", "currency")
    assert mart.keys() == sold.keys()
    for key, each in sold.items():
        row, currency = mart[key], key[-1]
        assert row["units"] == sum(item["quantity"] for _, item in each)
        for column, name in (
            ("paid_amount_major", "amount_total"),
            ("discount_major", "amount_discount"),
            ("tax_major", "amount_tax"),
        ):
            assert row[column] == total(major(item[name], currency) for _, item in each)


def test_discounts_compares_sessions_with_and_without(known: Known) -> None:
    groups: dict[Any, list[Json]] = defaultdict(list)
    for session in known.sessions:
        for discount in session["discounts"] or []:
            code = (discount["coupon"], discount["promotion_code"], session["currency"])
            groups["default", *code].append(session)
    assert groups
    mart = known.mart("discounts", "account", "coupon", "promotion_code", "currency")
    assert mart.keys() == groups.keys()
    for key, sessions in groups.items():
        row, those_paid = mart[key], [session for session in sessions if paid(session)]
        without = [s for s in known.sessions if s["currency"] == key[-1] and not s["discounts"]]
        assert row["sessions_created"] == len(sessions)
        assert row["sessions_paid"] == len(those_paid)
        assert all(len(s["discounts"]) == 1 for s in those_paid)
        given = total(amounts(s, "total_details", "amount_discount") for s in those_paid)
        assert row["discount_major"] == given
        assert row["conversion"] == pytest.approx(sum(map(complete, sessions)) / len(sessions))
        assert row["conversion_without_discount"] == pytest.approx(
            sum(map(complete, without)) / len(without)
        )


@pytest.mark.parametrize(
    ("minor", "currency", "parts"),
    [
        (100, "jpy", ["34", "33", "33"]),
        (1_001, "usd", ["3.34", "3.34", "3.33"]),
        (2, "kwd", ["0.001", "0.001", "0"]),
        (300, "usd", ["1", "1", "1"]),
    ],
)
def test_a_discount_of_several_coupons_is_divided_in_the_minor_unit_and_adds_up(
    minor: int, currency: str, parts: list[str], install: Callable[..., Installation]
) -> None:
    place = install("http://127.0.0.1:9")
    discounts = [{"coupon": f"c{n}", "promotion_code": None} for n in range(3)]
    discounted = handmade(
        currency=currency,
        amount_subtotal=10_000 + minor,
        total_details={"amount_discount": minor, "amount_shipping": 0, "amount_tax": 0},
        discounts=discounts,
        **PAID,
    )
    place.sync(RunOptions(transport=Scripted([discounted], NOW)))
    given = [Decimal(part) for part in parts]
    for mart, order in (("session_discounts", "position"), ("discounts", "coupon")):
        rows = place.rows(f"select discount_major from marts.{mart} order by {order}")
        assert [amount for (amount,) in rows] == given
    assert place.rows("select sum(discount_major) from marts.daily_sessions") == [(sum(given),)]
    assert place.call("verify", "--offline").code == 0


@pytest.mark.parametrize("macro", ["major", "major_of_whole"])
@pytest.mark.parametrize("currency", ["usd", "kwd", "jpy"])
@pytest.mark.parametrize("minor", [None, 0, 2**53 + 1, 2**63 - 1, -(2**63), 10**25])
def test_amounts_in_the_major_unit_are_exact_beyond_what_a_float_holds(
    minor: int | None, currency: str, macro: str, loaded: Installation
) -> None:
    kind = "hugeint" if minor == 10**25 else "bigint"  # as sums are
    found = loaded.value(f"select {macro}(?::{kind}, ?)", minor, currency)
    assert found == major(minor, currency)


@pytest.mark.parametrize(("minor", "found"), [("'1999'", "19.990"), ("1999.55::double", "19.996")])
def test_an_amount_may_be_text_as_in_a_payload_or_a_part_of_a_unit(
    minor: str, found: str, loaded: Installation
) -> None:
    assert loaded.value(f"select major({minor}, 'usd')") == Decimal(found)


@pytest.mark.file  # a lake has no comments on columns of views
def test_no_mart_column_has_a_base_columns_name_with_another_unit(known: Known) -> None:
    columns = known.place.rows(
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()"
        " where not internal and schema_name in ('main', 'marts')"
    )
    base = {name: kind for schema, _, name, kind, _ in columns if schema == "main"}
    for _, table, name, kind, comment in (row for row in columns if row[0] == "marts"):
        if name.endswith("_major"):
            assert kind == "DECIMAL(38,3)", (table, name)
            assert "major" in comment, (table, name)
        else:
            assert base.get(name, kind) == kind, (table, name)
            assert comment, (table, name)


def state(session: Json) -> tuple[str, str]:
    return session["status"], session["payment_status"]


def test_transitions_bounds_each_change_by_the_syncs_around_it(known: Known) -> None:
    expected = {}
    for number in range(1, len(known.seen)):
        before, after = known.seen[number - 1], known.seen[number]
        for session_id, session in before.items():
            if state(session) != state(after[session_id]):
                key = ("default", session_id, at(known.moments[number]))
                expected[key] = (*state(session), *state(after[session_id]), number)
    mart = known.mart("transitions", "account", "id", "first_seen_after")
    assert len(expected) > len(STEPS)
    assert mart.keys() == expected.keys()
    for key, (*states, number) in expected.items():
        row = mart[key]
        names = ("from_status", "from_payment_status", "to_status", "to_payment_status")
        assert [row[name] for name in names] == states
        assert row["last_seen_before"] == at(known.moments[number - 1])
        assert row["created_date"] == day(known.seen[-1][key[1]])


def test_payment_delays_hold_the_true_delay_between_their_bounds(known: Known) -> None:
    expected = {}
    for session_id, session in known.seen[-1].items():
        states = [state(seen[session_id]) for seen in known.seen if session_id in seen]
        if ("complete", "unpaid") in states and states[-1] == ("complete", "paid"):
            first = len(known.seen) - len(states)  # the sync that saw it first
            unpaid = [first + i for i, each in enumerate(states) if each == ("complete", "unpaid")]
            was_open = any(each[0] == "open" for each in states)
            completed_after = known.moments[unpaid[0] - 1] if was_open else session["created"]
            expected["default", session_id] = (
                completed_after,
                known.moments[unpaid[0]],
                known.moments[unpaid[-1]],
                known.moments[unpaid[-1] + 1],
            )
    assert expected
    mart = known.mart("payment_delays", "account", "id")
    assert mart.keys() == expected.keys()
    for key, moments in expected.items():
        row = mart[key]
        names = ("completed_after", "completed_until", "paid_after", "paid_until")
        assert tuple(row[name] for name in names) == tuple(map(at, moments))
        least, most = max(0, moments[2] - moments[1]), moments[3] - moments[0]
        assert row["least_delay_hours"] == pytest.approx(least / HOUR_S)
        assert row["most_delay_hours"] == pytest.approx(most / HOUR_S)


def test_freshness_and_coverage_say_what_status_says(known: Known) -> None:
    status = known.place.call("status", "--json").object
    row = known.mart("freshness", "account")["default",]
    for name in ("watermark", "newest_covered"):
        assert row[name] == datetime.fromisoformat(status[name])
    assert row["as_of"] == at(known.moments[-1])
    assert row["livemode"] is False
    assert row["holes"] == row["hole_seconds"] == row["sessions_missing"] == 0
    assert row["sessions"] == len(known.sessions)
    assert row["sessions_unsettled"] == status["unsettled"]
    assert (row["last_run_kind"], row["last_run_outcome"]) == ("sync", "completed")
    ((_, until),) = known.place.coverage()
    assert known.place.table("select * from marts.coverage") == [
        {
            "account": "default",
            "kind": "covered",
            "starts_at": at(START),
            "ends_before": at(until + 1),
        }
    ]
