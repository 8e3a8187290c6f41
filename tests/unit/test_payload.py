"""What is kept of a session's JSON, and when two are equal."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.payload import same, scrub, without_surrogates

CREDENTIAL = "cs_live_a1_secret_fidkdWxOYHwnPyd1"

texts = st.text(st.characters(codec="utf-8"), max_size=8)
keys = texts | st.sampled_from(["client_secret", "line_items", "id", "data"])
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
sessions = st.dictionaries(keys, values, max_size=6)


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """Write a JSON value in one of its many spellings: white space, escapes, order of keys."""
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    if isinstance(value, dict):
        members = draw(st.permutations(list(value.items())))
        inner = [f"{draw(written(k))}{space}:{space}{draw(written(v))}" for k, v in members]
        return "{" + space + f"{space},".join(inner) + space + "}"
    if isinstance(value, list):
        return "[" + f",{space}".join(draw(written(item)) for item in value) + space + "]"
    if isinstance(value, str):
        if draw(st.booleans()):
            return '"' + "".join(f"\\u{unit:04x}" for unit in utf16(value)) + '"'
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    return json.dumps(value)


def utf16(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [raw[i] * 256 + raw[i + 1] for i in range(0, len(raw), 2)]


def without_secret(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_secret(v) for k, v in value.items() if k != "client_secret"}
    if isinstance(value, list):
        return [without_secret(item) for item in value]
    return value


def exact(text: str | bytes) -> Any:
    """Read JSON so that no digit is lost and a number is no boolean."""
    return json.loads(text, parse_float=lambda d: ("float", d), parse_int=lambda d: ("int", d))


@given(st.data(), sessions)
def test_a_payload_is_the_session_without_its_credentials_and_line_items(
    data: st.DataObject, session: dict[str, Any]
) -> None:
    raw = data.draw(written(session))
    expected = without_secret({k: v for k, v in exact(raw).items() if k != "line_items"})
    assert exact(scrub(raw.encode())) == expected


def test_a_credential_is_removed_at_any_depth() -> None:
    raw = (
        f'{{"client_secret":"{CREDENTIAL}","a":[{{"b":{{"client_secret":"{CREDENTIAL}","c":1}}}}]}}'
    )
    assert scrub(raw.encode()) == b'{"a":[{"b":{"c":1}}]}'


@pytest.mark.parametrize(
    "name", ["client\\u005fsecret", "\\u0063lient_secret", "client_secre\\u0074"]
)
@pytest.mark.parametrize("place", ['{"%s":"%s","a":1}', '{"a":1,"b":[{"%s":"%s"}]}'])
def test_a_credential_whose_name_is_spelled_with_escapes_is_removed_too(
    name: str, place: str
) -> None:
    assert CREDENTIAL.encode() not in scrub((place % (name, CREDENTIAL)).encode())


def test_a_repeated_credential_is_removed_each_time() -> None:
    raw = f'{{"client_secret":"{CREDENTIAL}","a":1,"client_secret":"{CREDENTIAL}"}}'
    assert scrub(raw.encode()) == b'{"a":1}'


def test_line_items_are_removed_at_the_top_only() -> None:
    raw = b'{"line_items":{"data":[1,2]},"metadata":{"line_items":"7"},"a":[{"line_items":[]}]}'
    assert scrub(raw) == b'{"metadata":{"line_items":"7"},"a":[{"line_items":[]}]}'


@pytest.mark.parametrize(
    "raw",
    [
        b'{ "id" : "cs_1",\n "amount_total":1.50}',
        b'{"id":"cs_1", "a": {"b" : [1 , 2]}}',
        '{"id":"cs_1", "name":"Zoë \U0001f600"}'.encode(),
        b'{"url":"https:\\/\\/example.com", "x":"\\u2028 \\ud83d\\ude00"}',
    ],
)
def test_a_session_with_nothing_to_remove_stays_as_it_was_received(raw: bytes) -> None:
    assert scrub(raw) == raw


def test_what_stays_keeps_every_digit_and_escape_as_received() -> None:
    kept = rb'"a":1.10,"b":1e400,"c":0.12345678901234567890,"d":"\/\ud83d\ude00"'
    assert scrub(b'{"client_secret":null,%b}' % kept) == b"{%b}" % kept
    assert scrub(b'{"x":{%b,"client_secret":null}}' % kept) == b'{"x":{%b}}' % kept


@pytest.mark.parametrize("key", ['"', "\\", "\n", "\t", "é", "\U0001f600", "client_secret\\"])
def test_a_key_with_odd_characters_stays_valid_json(key: str) -> None:
    raw = json.dumps({key: 1, "line_items": {}, "client_secret": CREDENTIAL, "a": {key: 2}})
    assert json.loads(scrub(raw.encode())) == {key: 1, "a": {key: 2}}


@pytest.mark.parametrize(
    "text",
    [
        "\\ud83d",
        "\\ude00",
        "\\ude00\\ud83d",
        "\\ud83d\\ud83d\\ude00",
        "\\ud83d\\ude00\\ude00",
        "\\\\ud83d\\ude00",
        "\\uD83Dx",
        "\\uDE00",
    ],
)
@pytest.mark.parametrize("place", ['{"a":"%s"}', '{"%s":1}', '{"a":[{"b":"x%sx"}]}'])
def test_half_a_surrogate_pair_is_refused(text: str, place: str) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        scrub((place % text).encode())


@pytest.mark.parametrize("text", ["\\ud83d\\ude00", "\\\\ud83d", "\\\\\\ud83d\\ude00", "ud83d"])
def test_a_whole_pair_and_what_only_looks_like_half_of_one_are_kept(text: str) -> None:
    raw = f'{{"a":"{text}"}}'.encode()
    assert scrub(raw) == raw


@given(
    st.lists(
        st.sampled_from(
            ["\\ud83d", "\\uDE00", "\\\\", "\\n", "\\u00e9", "\\u0061", "ud83d", "ude00", "x"]
        ),
        max_size=8,
    ).map("".join)
)
def test_a_text_is_refused_if_and_only_if_it_holds_half_a_pair(text: str) -> None:
    raw = f'{{"a":"{text}"}}'.encode()
    if any("\ud800" <= character <= "\udfff" for character in json.loads(raw)["a"]):
        with pytest.raises(ValueError, match="surrogate"):
            scrub(raw)
    else:
        assert exact(scrub(raw)) == exact(raw)


def test_each_half_of_a_pair_is_replaced_once_and_nothing_else() -> None:
    raw = rb'{"a":"\ud83d|\ude00\ud83d\ud83d\ude00|\\ud83d|\ud83d\ude00 \n", "b":1.10}'
    assert json.loads(without_surrogates(raw)) == {
        "a": "\ufffd|\ufffd\ufffd\U0001f600|\\ud83d|\U0001f600 \n",
        "b": 1.1,
    }


@given(st.data(), values)
def test_without_half_a_pair_nothing_is_replaced(data: st.DataObject, value: Any) -> None:
    raw = data.draw(written(value)).encode()
    assert exact(without_surrogates(raw)) == exact(raw)


@given(st.data(), values)
def test_two_spellings_of_one_value_are_the_same(data: st.DataObject, value: Any) -> None:
    assert same(data.draw(written(value)), data.draw(written(value)))


def json_equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, written out kind by kind."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(json_equal(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(json_equal, one, other))
    return type(one) is type(other) and one == other


few_values = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, 0.5, "", "1", "a"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=3,
)


@given(few_values, few_values)
def test_two_payloads_are_the_same_exactly_if_their_values_are_equal(one: Any, other: Any) -> None:
    texts = json.dumps(one), json.dumps(other)
    ones, others = (json.loads(t, parse_int=Decimal, parse_float=Decimal) for t in texts)
    assert same(*texts) is json_equal(ones, others)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1"),
        ("1e2", "100"),
        ("-0", "0"),
        ("0.10", "0.1"),
        ("12345678901234567890.0", "12345678901234567890"),
        (f"1{'0' * 5_000}", f"1{'0' * 4_999}0.0"),
        ('"\\u00e9\\/"', '"é/"'),
        ('"\\ud83d\\ude00"', '"\U0001f600"'),
        ('{"a":1,"b":[]}', '{ "b" : [ ] , "a" : 1.0 }'),
    ],
)
def test_other_spellings_are_the_same(one: str, other: str) -> None:
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("true", "1"),
        ("false", "0"),
        ("null", "0"),
        ("null", '""'),
        ('"1"', "1"),
        ("[]", "{}"),
        ("[1,2]", "[2,1]"),
        ("[1]", "[1,1]"),
        ('{"a":null}', "{}"),
        ('"a"', '"A"'),
        ('"é"', '"e\\u0301"'),
        ("12345678901234567890", "12345678901234567891"),
        ("0.12345678901234567890", "0.12345678901234567891"),
        ("1e400", "1e500"),
    ],
)
def test_other_values_are_not_the_same(one: str, other: str) -> None:
    assert not same(one, other)
    assert not same(f'{{"a":[{one}]}}', f'{{"a":[{other}]}}')


def test_what_is_nested_too_deep_is_the_same_only_as_the_same_text() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    assert same(deep, deep)
    assert not same(deep, f" {deep}")


@pytest.mark.parametrize("secret", ['"\\ud800"', '{"a":["\\udfff"]}'])
def test_half_a_pair_in_what_is_never_kept_is_no_reason_to_refuse_a_session(secret: str) -> None:
    raw = f'{{"id":"cs_1","client_secret":{secret},"name":"\\ud83d\\ude00"}}'.encode()
    assert exact(scrub(raw)) == {"id": "cs_1", "name": "\U0001f600"}
