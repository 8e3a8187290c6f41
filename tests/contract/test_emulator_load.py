"""A file of sessions is served exactly as it stands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulator_fixture import KEY, NOW, official

from pipelines.emulator.app import Options, Running, running
from pipelines.emulator.loaded import Loaded

DATA = Path(__file__).parent.parent / "data"
LIST = "/v1/checkout/sessions"


def session(name: str, created: int, **more: Any) -> dict[str, Any]:
    return {"id": name, "object": "checkout.session", "created": created, **more}


def test_stripes_own_example_loads_unchanged(start: Callable[..., Running]) -> None:
    path = DATA / "list_response_example.json"
    own = start(load=path)
    page = httpx.get(own.url + LIST, auth=(KEY, "")).json()
    assert page == json.loads(path.read_text())
    assert official(own.url).v1.checkout.sessions.list({"status": "open"}).data


def test_values_survive_to_the_last_character(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    raw = (
        '{"id": "cs_1", "object": "checkout.session", "created": 5, "big": 123456789012345678901,'
        '"lone": "\\ud800 \\u0000", "float": 1.10, "exp": 1e400, "a": 1, "a": 2, "e": {},'
        ' "deep": [[], {"line_items": 1}]}'
    )
    path = tmp_path / "one.ndjson"
    path.write_text(raw + "\n\n")
    own = start(load=path)
    assert httpx.get(f"{own.url}{LIST}/cs_1", auth=(KEY, "")).text == raw


def test_line_items_of_a_file_are_cut_to_ten_and_served_whole(
    start_with: Callable[..., Running],
) -> None:
    items = [{"id": f"li_{k}", "object": "item", "n": 10**25 + k} for k in range(23)]
    listing = {"object": "list", "data": items, "has_more": False}
    own = start_with([session("cs_1", 7, line_items=listing, last=1), session("cs_2", 6)])
    get = httpx.Client(base_url=own.url, auth=(KEY, "")).get
    plain = get(LIST).json()["data"]
    assert plain == [session("cs_1", 7, last=1), session("cs_2", 6)]
    first, second = get(f"{LIST}?expand[]=data.line_items").json()["data"]
    assert first["line_items"]["data"] == items[:10]
    assert first["line_items"]["has_more"] is True
    assert second["line_items"] == {
        "object": "list",
        "data": [],
        "has_more": False,
        "url": "/v1/checkout/sessions/cs_2/line_items",
    }
    page = get(f"{LIST}/cs_1/line_items?limit=100&starting_after=li_9").json()
    assert page["data"] == items[10:]


def test_ties_stay_as_in_the_file_and_the_future_is_hidden(
    start_with: Callable[..., Running],
) -> None:
    given = [session("b", 5), session("z", NOW + 1), session("a", 5), session("c", 9)]
    own = start_with(given)
    assert [s["id"] for s in own.sessions()] == ["c", "b", "a"]
    own.advance(1)
    assert [s["id"] for s in own.sessions()] == ["z", "c", "b", "a"]


def test_livemode_is_the_files_whatever_the_key(start_with: Callable[..., Running]) -> None:
    own = start_with([session("cs_1", 5, livemode=True)])
    for key in (KEY, "sk_live_x"):
        assert official(own.url, key).v1.checkout.sessions.retrieve("cs_1").livemode is True


def test_a_loaded_session_expands_and_takes_metadata(start_with: Callable[..., Running]) -> None:
    own = start_with(
        [session("cs_1", 5, customer="cus_1", big=10**30), session("cs_2", 4, customer=None)]
    )
    client = official(own.url)
    page = client.v1.checkout.sessions.list({"expand": ["data.customer"], "customer": "cus_1"})
    assert page.data[0].customer.object == "customer"
    edited = client.v1.checkout.sessions.update("cs_1", {"metadata": {"k": "v"}})
    assert edited.to_dict() == session("cs_1", 5, customer="cus_1", big=10**30, metadata={"k": "v"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1 is no JSON"),
        ("{", "line 1 is no JSON"),
        ('{"object": "list"}', "the list has no data"),
        ('{"object": "list", "data": []} x', "more after the list"),
        ('{"id": "a", "created": 1}\nnonsense', "line 2 is no JSON"),
        ('{"id": "a", "created": 1} {}', "line 1 has more than one value"),
        ('{"created": 1}', "an element without an id"),
        ("[1]", "an element without an id"),
        ('{"id": "a", "created": "1"}', "a has no integer created"),
        ('{"id": "a", "created": true}', "a has no integer created"),
        ('{"id": "a", "created": 1, "x": NaN}', "NaN"),
        ('{"id": "a", "created": 1}\n{"id": "a", "created": 2}', "a is in it twice"),
        ('{"id": "a", "created": 1, "line_items": 3}', "line_items of a are no list"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as refused:
        Loaded(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_or_one_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"can't be read"):
        Loaded(tmp_path / "nothing.json")
    (tmp_path / "latin1.json").write_bytes(b'{"id": "\xe9"}')
    with (
        pytest.raises(ValueError, match=r"can't be read"),
        running(Options(load=tmp_path / "latin1.json")),
    ):
        pass
