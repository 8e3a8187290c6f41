"""Whatever is asked for, a page is a slice of the whole list, newest first."""

import json
from pathlib import Path
from typing import Any

import pytest
from emulator_fixture import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.emulator.errors import ApiError
from pipelines.emulator.loaded import Loaded
from pipelines.emulator.shop import Shop
from pipelines.emulator.store import FIELDS, Cursors, Query, Store, same

SHOP = Store(Shop("1", livemode=False, now=NOW, sessions=300, days=6, days_ahead=2))
LATER = NOW + 30_000
EVERY: list[dict[str, Any]] = [json.loads(body) for body in SHOP.bodies(LATER)]
IDS = [session["id"] for session in EVERY]


def value(session: dict[str, Any], name: str) -> Any:
    found: Any = session
    for step in FIELDS[name]:
        found = found and found.get(step)
    return found


def known(name: str) -> st.SearchStrategy[str]:
    values = sorted({value(s, name) for s in EVERY} - {None})
    return st.sampled_from([*values, "cus_nobody12345678", "pi_3none", "x"])


# Any mixture of filters; statuses and links often, since these let many sessions through.
FILTERS = st.fixed_dictionaries(
    {}, optional={name: known(name) for name in FIELDS}
) | st.fixed_dictionaries({}, optional={n: known(n) for n in ("status", "payment_link")})
SECONDS = st.sampled_from([s["created"] for s in EVERY])


@st.composite
def queries(draw: st.DrawFn) -> Query:
    direction = draw(st.sampled_from(["none", "starting_after", "ending_before"]))
    cursor = {} if direction == "none" else {direction: draw(st.sampled_from(IDS))}
    return Query(
        least=draw(st.none() | SECONDS),
        most=draw(st.none() | SECONDS),
        filters=draw(FILTERS),
        cursors=Cursors(limit=draw(st.integers(1, 100)), **cursor),
    )


def expected(query: Query) -> tuple[list[str], bool]:
    """The same from first principles."""
    cursors = query.cursors
    low, high = 0, len(EVERY)
    if cursors.starting_after:
        low = IDS.index(cursors.starting_after) + 1
    if cursors.ending_before:
        high = IDS.index(cursors.ending_before)
    ids = [
        s["id"]
        for s in EVERY[low:high]
        if (query.least is None or s["created"] >= query.least)
        and (query.most is None or s["created"] <= query.most)
        and all(value(s, name) == wanted for name, wanted in query.filters.items())
    ]
    page = ids[-cursors.limit :] if cursors.ending_before else ids[: cursors.limit]
    return page, len(ids) > cursors.limit


@settings(max_examples=200, deadline=None)
@given(queries())
def test_a_page_is_a_slice_of_what_matches(query: Query) -> None:
    page = SHOP.page(query, LATER)
    assert ([json.loads(row)["id"] for row in page.rows], page.has_more) == expected(query)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path: Path = tmp_path_factory.mktemp("loaded") / "list.json"
    rows = [body.decode() for body in SHOP.bodies(LATER)]
    path.write_text(f'{{"object": "list", "data": [{", ".join(rows)}], "has_more": false}}')
    return Store(Loaded(path))


@settings(max_examples=100, deadline=None)
@given(query=queries())
def test_a_file_of_a_shop_answers_as_the_shop_does(loaded: Store, query: Query) -> None:
    assert loaded.page(query, LATER) == SHOP.page(query, LATER)


def test_order_is_by_created_and_stable_within_a_second() -> None:
    created = [s["created"] for s in EVERY]
    assert created == sorted(created, reverse=True)
    assert max(created.count(second) for second in created) > 3
    assert [json.loads(body)["id"] for body in SHOP.bodies(LATER + 60)][-len(IDS) :] == IDS


def test_an_id_leads_back_to_its_session_and_no_other_text_does() -> None:
    for index in range(len(SHOP.source.created)):
        assert SHOP.source.index_of(SHOP.source.id_of(index)) == index
    for near in (IDS[0][:-1] + "_", IDS[0] + "0", IDS[0][:-1], "", "cs_test_a1", "cs_test_a1é"):
        assert SHOP.source.index_of(near) is None


def test_a_session_still_to_come_is_no_cursor() -> None:
    future = SHOP.source.id_of(len(SHOP.source.created) - 1)
    with pytest.raises(ApiError):
        SHOP.page(Query(cursors=Cursors(starting_after=future)), LATER)


def test_an_expanded_object_filters_by_its_id() -> None:
    assert same({"customer": {"id": "cus_1", "object": "customer"}}, ("customer",), "cus_1")
    assert not same({"customer": None}, ("customer",), "cus_1")
