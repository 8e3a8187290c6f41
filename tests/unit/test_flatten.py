"""A page's sessions as columns, each value found by walking its path in the JSON."""

import csv
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from canned import DATA, session

from pipelines.batches import Reject
from pipelines.flatten import Flattener, Session
from pipelines.schema import SESSIONS

AT = 1_790_000_000
SECRET = "cs_live_a1_secret_fidkdWxOYHwnPyd1"

# From the data contract: what is a JSON column, a child table, or not stored at all.
AS_JSON = {
    "payment_method_options",
    "branding_settings",
    "custom_text",
    "wallet_options",
    "permissions",
    "total_details.breakdown.discounts",
    "total_details.breakdown.taxes",
    "shipping_cost.taxes",
    "invoice_creation.invoice_data.custom_fields",
}
CHILD_TABLES = {
    "line_items",
    "custom_fields",
    "discounts",
    "shipping_options",
    "customer_details.tax_ids",
    "optional_items",
}
NOT_STORED = {"client_secret"}
MADE_HERE = {
    "account",
    "payload",
    "api_version",
    "first_observed_at",
    "observed_at",
    "line_items_complete",
    "missing_since",
    "run_id",
}
TIMES = {"created", "expires_at", "after_expiration.recovery.expires_at"}


def documented() -> dict[str, str]:
    """Return the paths that Stripe documents and that have a column, with their types."""
    with (DATA / "checkout_session_fields.tsv").open() as lines:
        types = {row["path"]: row["type"] for row in csv.DictReader(lines, delimiter="\t")}
    paths = {}
    for path, kind in types.items():
        above = {path[:at] for at, char in enumerate(path) if char in ".["}
        if (above | {path}) & (CHILD_TABLES | NOT_STORED) or above & AS_JSON:
            continue
        if kind != "object" or path in AS_JSON:
            paths[path] = kind
    return paths


def sample(path: str, kind: str, number: int) -> Any:
    """Return a value of a documented type that no other path has."""
    if path in AS_JSON:
        return [{"of": path}] if kind.startswith("array") else {"of": path}
    if kind.startswith("array"):
        return [f"{path} 1", f"{path} 2"]
    if kind == "object map":
        return {"of": path, "é": ""}
    if kind == "integer":
        return 1_600_000_000 + number
    if kind == "boolean":
        return True
    return "checkout.session" if path == "object" else f"value of {path}"


def full_session() -> dict[str, Any]:
    """Return a session with every documented field that has a column."""
    tree: dict[str, Any] = {}
    for number, (path, kind) in enumerate(documented().items()):
        *parents, name = path.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = sample(path, kind, number)
    return tree


def walk(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def expected(tree: dict[str, Any], path: str) -> Any:
    """Return what a column holds, by the data contract."""
    value = walk(tree, path)
    if value is None:
        return None
    if path in TIMES:
        return datetime.fromtimestamp(value, UTC)
    if path in AS_JSON:
        return ("json", value)
    kind = documented()[path]
    if kind == "object map":
        return list(value.items())
    if kind == "id or expanded object" and isinstance(value, dict):
        return value["id"]
    return value


def flattened(*items: Any) -> list[dict[str, Any]]:
    """Return the rows of sessions, each a session or its JSON."""
    texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
    seen = Flattener().decode([msgspec.Raw(text.encode()) for text in texts])
    rows = Flattener().to_batch([(item, AT) for item in seen]).sessions.to_pylist()
    for row in rows:
        for path in AS_JSON:
            name = path.replace(".", "_")
            row[name] = None if row[name] is None else ("json", json.loads(row[name]))
    return rows


def one(text: str | dict[str, Any]) -> Session | Reject:
    raw = text if isinstance(text, str) else json.dumps(text)
    (item,) = Flattener().decode([msgspec.Raw(raw.encode())])
    return item


def test_every_documented_field_outside_child_lists_has_a_column_and_nothing_else_has() -> None:
    names = {column.name for column in SESSIONS.columns}
    assert names == {path.replace(".", "_") for path in documented()} | MADE_HERE
    assert len(names) == len(SESSIONS.columns)


def test_every_documented_field_lands_in_its_column() -> None:
    tree = full_session()
    (row,) = flattened(tree)
    assert {p: row[p.replace(".", "_")] for p in documented()} == {
        p: expected(tree, p) for p in documented()
    }
    assert [name for name, value in row.items() if value is None] == ["line_items_complete"]


def test_stripes_own_fixture_lands_in_the_right_columns() -> None:
    tree = json.loads((DATA / "checkout_session_fixture.json").read_text())
    (row,) = flattened(tree)
    assert {p: row[p.replace(".", "_")] for p in documented()} == {
        p: expected(tree, p) for p in documented()
    }
    assert row["collected_information_shipping_details_name"] == "name"
    assert row["created"] == datetime(2009, 2, 13, 23, 31, 30, tzinfo=UTC)
    assert row["currency_conversion_fx_rate"] == "291452898"
    assert row["shipping_address_collection_allowed_countries"] == ["SC"]


def test_the_list_response_of_an_older_api_version_lands_in_the_right_columns() -> None:
    (tree,) = json.loads((DATA / "list_response_example.json").read_text())["data"]
    (row,) = flattened(tree)
    assert {p: row[p.replace(".", "_")] for p in documented()} == {
        p: expected(tree, p) for p in documented()
    }
    assert row["id"].startswith("cs_test_a11YYufW")
    assert row["amount_total"] == 2198
    assert row["metadata"] == []


def test_a_session_with_nothing_but_its_head_has_null_in_all_other_columns() -> None:
    (row,) = flattened(session())
    filled = {name: value for name, value in row.items() if value is not None}
    assert json.loads(filled.pop("payload")) == session()
    assert filled == {
        "id": "cs_1",
        "object": "checkout.session",
        "created": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        "observed_at": datetime.fromtimestamp(AT, UTC),
    }


def test_null_everywhere_is_null_in_every_column() -> None:
    tops = {path.split(".")[0] for path in documented()} - {"id", "object", "created"}
    assert flattened(session(**dict.fromkeys(tops)))[0] | {"payload": ""} == (
        flattened(session())[0] | {"payload": ""}
    )


@pytest.mark.parametrize(
    "path",
    [path for path, kind in documented().items() if kind == "id or expanded object"],
)
def test_an_id_that_was_expanded_is_stored_as_the_id(path: str) -> None:
    tree: Any = {"id": "obj_9", "object": "thing", "deleted": True, "deep": {"id": "no"}}
    for name in reversed(path.split(".")):
        tree = {name: tree}
    assert flattened(session(**tree))[0][path.replace(".", "_")] == "obj_9"


def test_expanded_ids_in_a_list_are_stored_as_ids() -> None:
    ids = ["txi_1", {"id": "txi_2", "object": "tax_id"}]
    data = {"invoice_data": {"account_tax_ids": ids}}
    row = flattened(session(invoice_creation=data))[0]
    assert row["invoice_creation_invoice_data_account_tax_ids"] == ["txi_1", "txi_2"]


ADDRESS = {
    "city": "Bern",
    "country": "CH",
    "line1": "Gasse 1",
    "line2": "Hof",
    "postal_code": "3011",
    "state": "BE",
}


@pytest.mark.parametrize("today", [None, {}, {"shipping_details": None}])
def test_shipping_details_of_an_older_version_land_in_the_columns_of_today(today: Any) -> None:
    older = session(
        shipping_details={"name": "Ada", "address": ADDRESS}, collected_information=today
    )
    now = session(collected_information={"shipping_details": older["shipping_details"]})
    assert flattened(older)[0] | {"payload": ""} == flattened(now)[0] | {"payload": ""}
    assert flattened(older)[0]["collected_information_shipping_details_address_city"] == "Bern"


def test_where_both_are_sent_the_shipping_details_of_today_count() -> None:
    row = flattened(
        session(
            shipping_details={"name": "Then", "address": ADDRESS},
            collected_information={"shipping_details": {"name": "Now"}},
        )
    )[0]
    assert row["collected_information_shipping_details_name"] == "Now"
    assert row["collected_information_shipping_details_address_city"] is None


def test_the_payload_is_kept_without_credentials_and_line_items() -> None:
    tree = session(client_secret=SECRET, line_items={"data": [{"id": "li_1"}]}, later={"a": [1.5]})
    (row,) = flattened(tree)
    assert json.loads(row["payload"]) == session(later={"a": [1.5]})


def test_one_bad_session_is_set_aside_and_the_others_keep_their_order() -> None:
    bad = session("cs_bad", amount_total="a lot", customer_email="lovelace@example.com")
    texts = [session("cs_1"), session("cs_2"), bad, session("cs_3")]
    seen = Flattener().decode([msgspec.Raw(json.dumps(text).encode()) for text in texts])
    assert [item.head.id for item in seen] == ["cs_1", "cs_2", "cs_bad", "cs_3"]
    batch = Flattener().to_batch([(item, AT + number) for number, item in enumerate(seen)])
    assert batch.sessions.column("id").to_pylist() == ["cs_1", "cs_2", "cs_3"]
    assert batch.sessions.column("observed_at").to_pylist() == [
        datetime.fromtimestamp(AT + number, UTC) for number in (0, 1, 3)
    ]
    ((reject, at),) = batch.rejects
    assert (reject.head.id, reject.head.created, at) == ("cs_bad", 1_700_000_000, AT + 2)
    assert json.loads(reject.payload) == bad


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        pytest.param(
            '"amount_total":"lovelace@example.com"', "amount_total", id="text for a number"
        ),
        pytest.param('"amount_total":21.98', "amount_total", id="a fraction of a minor unit"),
        pytest.param('"amount_total":9223372036854775808', "amount_total", id="more than 64 bits"),
        pytest.param(f'"amount_total":1{"0" * 5_000}', "amount_total", id="5,000 digits"),
        pytest.param('"amount_total":true', "amount_total", id="a boolean for a number"),
        pytest.param('"expires_at":9223372036855', "expires_at", id="a time after all times"),
        pytest.param('"expires_at":-9223372022401', "expires_at", id="a time before all times"),
        pytest.param('"locale":7', "locale", id="a number for a text"),
        pytest.param('"automatic_tax":{"enabled":1}', "enabled", id="a number for a boolean"),
        pytest.param('"customer":{"object":"customer"}', "customer", id="an object without id"),
        pytest.param('"customer":7', "customer", id="a number for an id"),
        pytest.param('"metadata":{"lovelace@example.com":7}', "metadata", id="a number in a map"),
        pytest.param('"metadata":["lovelace@example.com"]', "metadata", id="a list for a map"),
        pytest.param('"payment_method_types":"card"', "payment_method_types", id="text for a list"),
        pytest.param(
            '"customer_details":"lovelace@example.com"', "customer_details", id="no object"
        ),
        pytest.param('"locale":"lovelace@example.com \\ud800"', "surrogate", id="half a pair"),
        pytest.param(
            '"metadata":{"\\udc00 lovelace@example.com":"1"}', "surrogate", id="half, in a key"
        ),
        pytest.param(
            '"new":["\\ud800\\ud800 lovelace@example.com"]', "surrogate", id="half, unknown"
        ),
        pytest.param('"locale":"\\ud800"', "surrogate", id="half a pair at the end"),
    ],
)
def test_a_session_that_does_not_fit_is_rejected_with_a_reason_that_shows_no_value(
    fields: str, where: str
) -> None:
    reject = one(f'{{"id":"cs_9","object":"checkout.session","created":5,{fields}}}')
    assert isinstance(reject, Reject)
    assert (reject.head.id, reject.head.created) == ("cs_9", 5)
    assert where in reject.reason
    assert "lovelace" not in reject.reason
    assert "0000" not in reject.reason
    assert b'"cs_9"' in reject.payload
    reject.payload.decode()


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_an_amount_may_fill_64_bits(number: int) -> None:
    assert flattened(session(amount_total=number))[0]["amount_total"] == number


def test_the_payload_of_a_rejected_session_is_scrubbed_too() -> None:
    for broken in ('"amount_total":"x"', '"locale":"\\ud800"', '"amount_total":1e3,"a":"\\u0041"'):
        reject = one(
            '{"id":"cs_9","object":"checkout.session","created":5,'
            f'"client_secret":"{SECRET}","a":{{"client_secret":"{SECRET}"}},{broken}}}'
        )
        assert isinstance(reject, Reject)
        assert b"cs_9" in reject.payload
        assert SECRET.encode() not in reject.payload


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"object":"checkout.session","created":5}', id="no id"),
        pytest.param('{"id":"","object":"checkout.session","created":5}', id="an empty id"),
        pytest.param('{"id":7,"object":"checkout.session","created":5}', id="a number for an id"),
        pytest.param('{"id":null,"object":"checkout.session","created":5}', id="no id but null"),
        pytest.param('{"id":"cs_1","object":"checkout.session"}', id="no created"),
        pytest.param('{"id":"cs_1","object":"checkout.session","created":"5"}', id="text created"),
        pytest.param('{"id":"cs_1","object":"checkout.session","created":5.5}', id="half a second"),
        pytest.param('{"id":"cs_1","object":"checkout.session","created":null}', id="null created"),
        pytest.param('{"id":"cs_1","object":"checkout.session","created":true}', id="true created"),
        pytest.param(
            '{"id":"cs_1","object":"checkout.session","created":9223372036855}', id="no such time"
        ),
        pytest.param('{"id":"cs_1","object":"payment_intent","created":5}', id="another object"),
        pytest.param('{"id":"cs_1","created":5}', id="no object"),
        pytest.param("7", id="a number"),
        pytest.param('"cs_1"', id="a text"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="a list"),
        pytest.param('{"a":' + "[" * 10_000 + "]" * 10_000 + "}", id="nested without end"),
    ],
)
def test_an_element_that_is_no_session_fails_the_page_and_is_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="no checkout session") as caught:
        one(text)
    assert "cs_1" not in str(caught.value)


@pytest.mark.parametrize("mode", ['"yes"', "[]", "1e999", "1"])
def test_a_session_of_no_mode_is_set_aside_alone(mode: str) -> None:
    text = f'{{"id":"cs_1","object":"checkout.session","created":5,"livemode":{mode}}}'
    item = one(text)
    assert isinstance(item, Reject)
    assert item.livemode is None


def test_of_a_repeated_key_the_last_one_counts() -> None:
    text = '{"id":"cs_1","object":"checkout.session","created":5,"locale":"de","locale":"fr"}'
    assert flattened(text)[0]["locale"] == "fr"


def test_of_a_repeated_map_key_the_last_one_counts() -> None:
    text = (
        '{"id":"cs_1","object":"checkout.session","created":5,"metadata":{"a":"1","b":"2","a":"3"}}'
    )
    assert dict(flattened(text)[0]["metadata"]) == {"a": "3", "b": "2"}
    assert len(flattened(text)[0]["metadata"]) == 2


def test_deep_nesting_in_a_field_that_is_not_known_is_kept() -> None:
    deep = "[" * 200 + "]" * 200
    text = f'{{"id":"cs_1","object":"checkout.session","created":5,"new":{deep}}}'
    assert flattened(text)[0]["payload"] == text


@pytest.mark.parametrize("depth", [10, 300, 600, 900])
def test_a_credential_nested_however_deep_is_never_kept(depth: int) -> None:
    deep = "[" * depth + f'{{"client_secret":"{SECRET}"}}' + "]" * depth
    item = one(f'{{"id":"cs_1","object":"checkout.session","created":5,"new":{deep}}}')
    assert item.head.id == "cs_1"
    assert SECRET.encode() not in item.payload


def test_a_page_without_sessions_has_all_columns_and_no_row() -> None:
    empty, full = (
        Flattener().to_batch([]).sessions,
        Flattener().to_batch([(one(session()), AT)]).sessions,
    )
    assert empty.num_rows == 0
    assert empty.schema == full.schema
