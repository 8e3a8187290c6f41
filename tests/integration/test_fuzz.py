"""Sessions of any shape: each lands in columns or among the rejects, and takes no other along."""

import json
import tempfile
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
from comparison import scrubbed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from installation import NOW, Installation
from scripted import Scripted

from pipelines.runs import Options

FIXTURE = json.loads(
    (Path(__file__).parents[1] / "data" / "checkout_session_fixture.json").read_text()
)
LINE_ITEM = {
    "id": "li_1",
    "object": "item",
    "amount_total": 5,
    "metadata": {"a": "b"},
    "price": {"id": "price_1", "product": "prod_1", "recurring": {"interval": "month"}},
}
BASE = FIXTURE | {
    "custom_fields": [{"key": "a", "type": "text", "text": {"value": "b"}}],
    "discounts": [{"coupon": "c"}],
    "shipping_options": [{"shipping_amount": 5, "shipping_rate": "shr_1"}],
    "optional_items": [{"price": "price_1", "quantity": 1}],
    "line_items": {"object": "list", "data": [LINE_ITEM], "has_more": False},
}


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
        found += [p for name, each in inside for p in paths_of(each, (*path, name))]
    return found


PATHS = [p for p in paths_of(BASE) if p not in {("id",), ("object",), ("created",)}]
ODD = ['"\\ud800"', '"\\u0000"', "1e999", "-0", '{"a":1,"a":2}', '{"\\udc00":1}', "1" + "0" * 400]
ODD += ["[" * 300 + "]" * 300, '{"client_secret":"hidden_1"}', "18446744073709551616", "1e400"]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
).map(json.dumps) | st.sampled_from(ODD)
names = st.text(min_size=1, max_size=6) | st.just("client_secret")
changes = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(PATHS), values),
    st.tuples(st.just("drop"), st.sampled_from(PATHS), st.just("")),
    st.tuples(st.just("add"), st.sampled_from([(), *PATHS]), st.tuples(names, values)),
)
sessions = st.lists(st.lists(changes, min_size=1, max_size=3), min_size=1, max_size=12)


def changed(number: int, edits: list[Any]) -> str:
    """The JSON of a session with edits; placeholders stand for what `json` can't write."""
    tree = json.loads(json.dumps(BASE)) | {"id": f"cs_test_{number:04d}", "created": NOW - number}
    texts: dict[str, str] = {}
    for how, path, what in edits:
        place = tree
        for name in path if how == "add" else path[:-1]:
            try:
                place = place[name]
            except (LookupError, TypeError):
                break
        mark = f"@@{len(texts)}@@"
        if how == "add" and isinstance(place, dict) and what[0] not in ("id", "object", "created"):
            texts[json.dumps(mark)] = what[1]
            place[what[0]] = mark
        elif how == "set" and isinstance(place, dict | list) and _has(place, path[-1]):
            texts[json.dumps(mark)] = what
            place[path[-1]] = mark
        elif how == "drop" and isinstance(place, dict):
            place.pop(path[-1], None)
    text = json.dumps(tree)
    for mark, value in texts.items():
        text = text.replace(mark, value)
    return text


def _has(place: Any, name: Any) -> bool:
    return name in place if isinstance(place, dict) else isinstance(name, int) and name < len(place)


@dataclass
class Bytes(Scripted):
    """Sends one page, byte by byte as it stands."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        if request.url.path.endswith("/line_items"):
            body = '{"object":"list","has_more":false,"data":[]}'
        else:
            texts = ",".join(text for text in self.sessions if isinstance(text, str))
            body = f'{{"object":"list","has_more":false,"data":[{texts}]}}'
        headers = {"Date": formatdate(self.now, usegmt=True)}
        return httpx.Response(200, content=body.encode(), headers=headers)


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(sessions)
def test_whatever_a_session_holds_it_is_stored_or_rejected_and_the_others_are_stored(
    edits: list[list[Any]],
) -> None:
    lands(edits)


@pytest.mark.long
@settings(
    max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(sessions)
def test_whatever_many_sessions_hold_they_are_stored_or_rejected(edits: list[list[Any]]) -> None:
    lands(edits)


def exact(text: str) -> Any:
    """A JSON value with its numbers as they are written, which no float could hold."""
    return json.loads(
        text, parse_float=lambda digits: (digits,), parse_int=lambda digits: (digits,)
    )


def lands(edits: list[list[Any]]) -> None:
    """Edited sessions among good ones are stored or rejected, synced twice and made anew."""
    odd = [changed(2 * number + 1, each) for number, each in enumerate(edits)]
    good = [changed(2 * number, []) for number in range(len(odd) + 1)]
    texts = [text for pair in zip(good, [*odd, ""], strict=True) for text in pair if text]
    with tempfile.TemporaryDirectory() as folder:
        place = Installation(Path(folder), "http://127.0.0.1:9")
        report = place.sync(Options(transport=Bytes(texts, NOW)))
        assert report.outcome in ("completed", "completed_with_rejects"), report.error
        stored = dict(place.rows("select id, payload::varchar from checkout_sessions"))
        rejected = {id_ for (id_,) in place.rows("select id from meta.rejects")}
        by_id = {f"cs_test_{number:04d}": text for number, text in enumerate(texts)}
        assert stored.keys() | rejected == by_id.keys()
        assert not stored.keys() & rejected
        assert rejected <= {f"cs_test_{2 * number + 1:04d}" for number in range(len(odd))}
        for id_, text in stored.items():
            assert "client_secret" not in json.loads(text)
            assert exact(text) == scrubbed(exact(by_id[id_])), id_
        assert "hidden_1" not in str(place.rows("select payload from meta.rejects"))
        again = place.sync(Options(transport=Bytes(texts, NOW + 60)), sync__reread_ratio=0)
        assert again.counts.updated == again.counts.inserted == 0
        rebuilt = place.call("reflatten")
        assert rebuilt.code == (4 if rejected else 0), rebuilt.err
        assert dict(place.rows("select id, payload::varchar from checkout_sessions")) == stored
