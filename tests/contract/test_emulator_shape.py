"""Made-up sessions have the fields, types and sums of real ones."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator_fixture import NOW

from pipelines.emulator.shop import Shop

DATA = Path(__file__).parent.parent / "data"
SHOP = Shop("1", livemode=False, now=NOW, sessions=2_000, days=20, days_ahead=0)
SESSIONS: list[dict[str, Any]] = [json.loads(SHOP.body(i, NOW)) for i in range(2_000)]
ITEMS: list[list[dict[str, Any]]] = [
    [json.loads(item) for item in SHOP.line_items(i, NOW)] for i in range(2_000)
]
# Stripe leaves these out: most unless they are expanded, the accounts unless there is one.
LEFT_OUT = {
    "automatic_tax.liability.account",
    "invoice_creation.invoice_data.issuer.account",
    "line_items",
    "total_details.breakdown",
    "shipping_cost.taxes",
    "discounts",
    "taxes",
    "price.currency_options",
    "price.deleted",
    "price.tiers",
}


def fields(name: str) -> list[tuple[list[str], str, bool]]:
    """Path, type and nullability of every field of a kind."""
    with (DATA / name).open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(row["path"].split("."), row["type"], row["nullable"] == "null") for row in rows]


def parents(thing: Any, path: list[str]) -> Iterator[dict[str, Any]]:
    """The objects in a thing that the last name of a path belongs to."""
    if not path:
        if isinstance(thing, dict):
            yield thing
        return
    inner = thing.get(path[0].removesuffix("[]")) if isinstance(thing, dict) else None
    for each in inner if path[0].endswith("[]") and inner else [inner]:
        yield from parents(each, path[1:])


def fits(value: Any, kind: str) -> bool:
    if kind.startswith("enum "):
        return value in kind.removeprefix("enum ").split("|")
    if kind.startswith("array"):
        return isinstance(value, list)
    if kind in {"integer", "number", "boolean"}:
        return isinstance(value, bool) == (kind == "boolean") and isinstance(value, int | float)
    if kind == "id or expanded object":
        return isinstance(value, str | dict)
    return isinstance(value, dict if kind.startswith("object") else str)


def leaves(thing: Any, path: str = "") -> Iterator[str]:
    if isinstance(thing, dict):
        for name, value in thing.items():
            here = f"{path}.{name}" if path else name
            yield here + ("[]" if isinstance(value, list) and value else "")
            yield from leaves(value, here)
    if isinstance(thing, list):
        for value in thing:
            yield from leaves(value, path + "[]")


@pytest.mark.parametrize(
    ("file", "things"),
    [
        ("checkout_session_fields.tsv", SESSIONS),
        ("line_item_fields.tsv", [item for items in ITEMS for item in items[:3]]),
    ],
)
def test_every_field_is_there_and_of_its_type(file: str, things: list[dict[str, Any]]) -> None:
    for path, kind, nullable in fields(file):
        dotted = ".".join(path)
        for thing in things[::5]:
            for parent in parents(thing, path[:-1]):
                if dotted in LEFT_OUT or path[0] == "payment_method_options":
                    continue
                assert path[-1] in parent, dotted
                value = parent[path[-1]]
                assert (value is None and nullable) or fits(value, kind), (dotted, value)


@pytest.mark.parametrize(
    ("file", "things"),
    [
        ("checkout_session_fields.tsv", SESSIONS),
        ("line_item_fields.tsv", [item for items in ITEMS for item in items[:3]]),
    ],
)
def test_no_field_is_there_that_stripe_does_not_have(
    file: str, things: list[dict[str, Any]]
) -> None:
    known = {".".join(path).replace("[]", "") for path, _, _ in fields(file)}
    seen = {leaf.replace("[]", "") for thing in things for leaf in leaves(thing)}
    assert {path for path in seen - known if "metadata." not in path} == set()


def test_amounts_add_up() -> None:
    kinds = Counter()
    for session, items in zip(SESSIONS, ITEMS, strict=True):
        details = session["total_details"]
        if session["mode"] == "setup":
            assert session["amount_total"] is session["currency"] is details is None
            assert items == []
            continue
        shipping = session["shipping_cost"] or {"amount_tax": 0, "amount_total": 0}
        sums = {
            name: sum(item[name] for item in items)
            for name in ("amount_subtotal", "amount_discount", "amount_tax", "amount_total")
        }
        assert sums["amount_subtotal"] == session["amount_subtotal"]
        assert sums["amount_discount"] == details["amount_discount"]
        assert sums["amount_tax"] + shipping["amount_tax"] == details["amount_tax"]
        assert sums["amount_total"] + shipping["amount_total"] == session["amount_total"]
        added = (
            session["amount_total"]
            - session["amount_subtotal"]
            + details["amount_discount"]
            - details["amount_shipping"]
        )
        inclusive = any(item["price"]["tax_behavior"] == "inclusive" for item in items)
        assert added == (0 if inclusive else details["amount_tax"])
        kinds[inclusive, details["amount_tax"] > 0] += 1
    assert min(kinds.values()) > 50
    assert len(kinds) == 4


def test_line_items_are_units_times_price() -> None:
    for session, items in zip(SESSIONS, ITEMS, strict=True):
        for item in items:
            price = item["price"]
            trial = session["mode"] == "subscription" and session["amount_subtotal"] == 0
            amount = 0 if trial else price["unit_amount"] * item["quantity"]
            assert item["amount_subtotal"] == amount
            assert item["currency"] == price["currency"] == session["currency"]
            assert (price["type"] == "recurring") == (session["mode"] == "subscription")


def test_carts_are_mostly_small_and_sometimes_long() -> None:
    lengths = [len(items) for items in ITEMS]
    long = sum(11 <= length <= 250 for length in lengths)
    assert 0.02 < long / len(lengths) < 0.09
    assert sum(length <= 3 for length in lengths) > 0.8 * len(lengths)
    assert max(lengths) > 150


def test_a_shop_has_all_sorts_of_sessions() -> None:
    assert {s["mode"] for s in SESSIONS} == {"payment", "subscription", "setup"}
    assert {s["ui_mode"] for s in SESSIONS} >= {"hosted_page", "embedded_page", "elements"}
    assert {s["currency"] for s in SESSIONS} >= {"usd", "eur", "jpy", "kwd", "krw"}
    for name in ("discounts", "custom_fields", "shipping_options", "optional_items"):
        assert any(s[name] for s in SESSIONS), name
    for name in (
        *("payment_link", "currency_conversion", "presentment_details", "recovered_from"),
        *("customer_account", "client_secret", "consent", "after_expiration"),
    ):
        assert any(s[name] for s in SESSIONS), name
    assert any((s["customer_details"] or {}).get("tax_ids") for s in SESSIONS)
    discounts = [s["discounts"][0] for s in SESSIONS if s["discounts"]]
    assert {bool(d["coupon"]) for d in discounts} == {True, False}


def test_awkward_text_is_among_it() -> None:
    everything = json.dumps([SESSIONS, ITEMS], ensure_ascii=False)
    for text in ("<script>", '\\"', "\\n", "\\\\", "🛒", "太郎", "é", "\u2028"):
        assert text in everything, text


def test_a_body_is_about_as_large_as_a_real_one() -> None:
    sizes = sorted(len(SHOP.body(index, NOW).encode()) for index in range(0, 2_000, 5))
    assert 2_900 < sum(sizes) / len(sizes) < 3_600


def test_a_recovered_session_follows_an_expired_one() -> None:
    by_id = {s["id"]: s for s in SESSIONS}
    recovered = [s for s in SESSIONS if s["recovered_from"]]
    assert recovered
    for session in recovered:
        origin = by_id[session["recovered_from"]]
        assert origin["status"] == "expired"
        assert origin["expires_at"] <= session["created"]
        assert origin["after_expiration"]["recovery"]["url"]
