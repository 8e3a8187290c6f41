"""What is dropped is gone, what is hashed is there as its hash, the rest is as it was."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.privacy import hashed, redaction

KEY = b"a key of a test"
SESSION: dict[str, Any] = {
    "id": "cs_test_1",
    "customer_details": {"email": "ana@example.com", "name": None, "address": {"city": "Köln"}},
    "metadata": {"note": "for Ana", "n.b": "x"},
    "custom_fields": [{"key": "age", "text": {"value": "42"}}, {"key": "b", "text": None}],
    "amount_total": 10_000,
    "customer": {"id": "cus_1", "object": "customer"},
}


def redacted(value: Any, path: str = "", **paths: list[str]) -> Any:
    redact = redaction(paths.get("drop", []), paths.get("hash", []), KEY)
    assert redact is not None
    return json.loads(redact(json.dumps(value).encode(), path))


def sha(text: str) -> str:
    return f"hmac_{hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()}"


def without(path: str) -> Any:
    """The session without a path."""
    copy = json.loads(json.dumps(SESSION))
    *parents, name = path.split(".")
    place = copy
    for parent in parents:
        place = place[parent]
    del place[name]
    return copy


@pytest.mark.parametrize(
    "path",
    [
        "customer_details",
        "customer_details.email",
        "customer_details.name",
        "customer_details.address.city",
        "metadata.note",
        "custom_fields",
        "customer.id",
    ],
)
def test_what_is_dropped_is_gone_and_the_rest_is_as_it_was(path: str) -> None:
    assert redacted(SESSION, drop=[path]) == without(path)


@pytest.mark.parametrize("path", ["custom_fields.text.value", "custom_fields[].text.value"])
def test_a_path_goes_through_lists(path: str) -> None:
    fields = redacted(SESSION, drop=[path])["custom_fields"]
    assert fields == [{"key": "age", "text": {}}, {"key": "b", "text": None}]


def test_what_is_hashed_is_its_keyed_hash_wherever_it_lies() -> None:
    paths = ["customer_details.email", "customer_details.name", "custom_fields.text", "customer"]
    found = redacted(SESSION, hash=paths)
    assert (
        found["customer_details"]["email"]
        == sha("ana@example.com")
        == hashed("ana@example.com", KEY)
    )
    assert found["customer_details"]["name"] is None
    assert found["custom_fields"][0]["text"] == {"value": sha("42")}
    # Expanded or not, an id has the same hash.
    assert found["customer"]["id"] == sha("cus_1")
    assert redacted({"customer": "cus_1"}, hash=paths) == {"customer": sha("cus_1")}
    assert found["amount_total"] == 10_000


def test_elements_that_are_stored_apart_are_told_their_path() -> None:
    items = [{"id": "li_1", "description": "Tea"}, {"id": "li_2", "description": "Pot"}]
    assert redacted(items, "line_items", drop=["line_items.description"]) == [
        {"id": "li_1"},
        {"id": "li_2"},
    ]
    assert redacted(items, "line_items", hash=["metadata.note"]) == items


def test_dropping_counts_where_a_path_is_in_both() -> None:
    both = redacted(SESSION, drop=["customer_details.email"], hash=["customer_details"])
    assert "email" not in both["customer_details"]
    assert both["customer_details"]["address"] == {"city": sha("Köln")}


def test_without_paths_there_is_nothing_to_do() -> None:
    assert redaction([], [], KEY) is None


def test_what_holds_no_such_name_stays_byte_for_byte() -> None:
    redact = redaction(["customer_details.email"], [], KEY)
    assert redact is not None
    text = b'{ "id" : "cs_1", "amount_total": 1.50, "customer_details": {"name": "email"} }'
    assert redact(text, "") == text


def escaped(name: str) -> str:
    """A name in JSON with every character escaped."""
    return "".join(f"\\u{ord(c):04x}" for c in name)


def test_a_name_in_other_words_is_the_same_name() -> None:
    redact = redaction(["customer_details.email"], ["metadata.note"], KEY)
    assert redact is not None
    text = (
        f'{{"{escaped("customer_details")}":{{"{escaped("email")}":"ana@example.com","x":1}},'
        f'"metadata":{{"{escaped("note")}":"\\u0041na"}}}}'
    )
    found = redact(text.encode(), "")
    assert json.loads(found) == {"customer_details": {"x": 1}, "metadata": {"note": sha("Ana")}}


names = st.sampled_from(["a", "b", "c"])
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
paths = st.lists(st.lists(names, min_size=1, max_size=3).map(".".join), max_size=3)


def by_the_words(value: Any, drop: list[str], hash_: list[str], at: str = "") -> Any:
    """The same by the words of the contract: path by path, value by value."""
    if isinstance(value, list):
        return [by_the_words(each, drop, hash_, at) for each in value]
    if isinstance(value, dict):
        below = {name: f"{at}.{name}" if at else name for name in value}
        return {
            name: by_the_words(each, drop, hash_, below[name])
            for name, each in value.items()
            if below[name] not in drop
        }
    inside = any(at == path or at.startswith(f"{path}.") for path in hash_)
    if not inside or value is None:
        return value
    return sha(value if isinstance(value, str) else json.dumps(value))


@given(value=st.dictionaries(names, trees, max_size=3), drop=paths, hash_=paths)
def test_any_paths_of_any_json_are_dropped_and_hashed(
    value: Any, drop: list[str], hash_: list[str]
) -> None:
    redact = redaction(drop, hash_, KEY)
    if redact is None:
        return
    once = redact(json.dumps(value).encode(), "")
    assert json.loads(once) == by_the_words(value, drop, hash_)
    assert redact(once, "") == once, "once more changes nothing"
