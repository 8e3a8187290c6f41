"""One window of the API: what is read, what is left, what is final, and what is not believed."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from canned import NOW, Answer, World, answer, listing, session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.budget import Budget
from pipelines.errors import SourceContractError, SourceRequestError
from pipelines.fetch import MOST_OVER, Fetched, Fetcher
from pipelines.stripe_api import StripeApi
from pipelines.windows import NO_END, Window, merge

PLENTY = 1_000
"""A budget that is never used up."""


class Shop:
    """An API that lists sessions as Stripe does: newest first, by page, cursor and range.

    Args:
        created: the second of each session.
        dates: the API's time at each response; the last one stays.
    """

    def __init__(self, created: Sequence[int], dates: Sequence[int] = (NOW,)) -> None:
        self.dates = list(dates)
        newest_first = sorted(created, reverse=True)
        self.sessions = [session(f"cs_{n}", at) for n, at in enumerate(newest_first)]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = dict(request.url.params.multi_items())
        after = int(asked["created[gt]"])
        until = int(asked.get("created[lte]", NO_END))
        start = (
            int(asked["starting_after"].removeprefix("cs_")) + 1 if "starting_after" in asked else 0
        )
        found = [s for s in self.sessions[start:] if after < s["created"] <= until]
        limit = int(asked["limit"])
        date = self.dates.pop(0) if len(self.dates) > 1 else self.dates[0]
        return answer(listing(found[:limit], has_more=len(found) > limit), date=date)

    def ids(self, window: Window) -> list[str]:
        return [s["id"] for s in self.sessions if window.after < s["created"] <= window.until]


def fetch(
    api: StripeApi, window: Window, pages: int = PLENTY, *, budget: Budget | None = None
) -> Fetched:
    fetcher = Fetcher(api, settle_s=60, line_items=True)
    return fetcher(window, budget or Budget(window, pages))


def at_the_second(world: World, shop: Shop, act: Callable[[], None]) -> Answer:
    """Return a shop that does something while the second request is under way."""

    def answering(request: httpx.Request) -> httpx.Response:
        if len(world.requests) == 2:
            act()
        return shop(request)

    return answering


def ids(fetched: Fetched) -> list[str]:
    return fetched.batch.sessions.column("id").to_pylist()


def page(*items: Any, has_more: bool = False, date: Any = NOW) -> httpx.Response:
    return answer(listing(items, has_more=has_more), date=date, Request_Id="req_3")


# What is asked for.


def test_a_window_is_asked_for_open_at_its_start_and_closed_at_its_end(world: World) -> None:
    fetch(world.api(Shop([])), Window(100, 200))
    assert world.requests[0].url.params.multi_items() == [
        ("limit", "100"),
        ("created[gt]", "100"),
        ("created[lte]", "200"),
        ("expand[]", "data.line_items"),
    ]


def test_the_newest_window_is_asked_for_without_an_end(world: World) -> None:
    fetch(world.api(Shop([])), Window(100, NO_END))
    assert world.requests[0].url.params.multi_items() == [
        ("limit", "100"),
        ("created[gt]", "100"),
        ("expand[]", "data.line_items"),
    ]


def test_line_items_are_asked_for_only_where_they_are_wanted(world: World) -> None:
    window = Window(100, 200)
    fetcher = Fetcher(world.api(Shop([])), settle_s=60, line_items=False)
    fetcher(window, Budget(window, 1))
    assert "expand[]" not in world.requests[0].url.params


def test_the_last_session_of_a_page_is_the_cursor_of_the_next(world: World) -> None:
    fetched = fetch(world.api(Shop(range(1, 251))), Window(0, 300))
    cursors = [request.url.params.get("starting_after") for request in world.requests]
    assert cursors == [None, "cs_99", "cs_199"]
    assert fetched.pages == 3
    assert ids(fetched) == [f"cs_{n}" for n in range(250)]


# What is read, and what is left.


def test_a_window_that_fits_its_budget_is_read_whole(world: World) -> None:
    fetched = fetch(world.api(Shop([150, 150, 160])), Window(100, 200), pages=1)
    assert (fetched.read, fetched.rest) == (Window(100, 200), None)
    assert ids(fetched) == ["cs_0", "cs_1", "cs_2"]
    assert fetched.pages == 1


def test_an_empty_window_is_read_whole_and_has_no_rows(world: World) -> None:
    fetched = fetch(world.api(Shop([100, 201])), Window(100, 200), pages=1)
    assert (fetched.read, fetched.rest) == (Window(100, 200), None)
    assert fetched.batch.sessions.num_rows == 0
    assert (fetched.per_second, fetched.livemode, fetched.pages) == (0.0, None, 1)


def test_the_second_in_which_the_budget_ends_is_left_to_the_rest(world: World) -> None:
    # The hundredth and the next session share second 150.
    shop = Shop([200] * 90 + [150] * 20 + [120] * 5)
    fetched = fetch(world.api(shop), Window(100, 300), pages=1)
    assert (fetched.read, fetched.rest) == (Window(150, 300), Window(100, 150))
    assert ids(fetched) == [f"cs_{n}" for n in range(90)]


def test_a_page_that_ends_with_its_second_leaves_that_second_too(world: World) -> None:
    # Whether second 150 goes on isn't known from this page.
    shop = Shop([200] * 90 + [150] * 10 + [120] * 5)
    fetched = fetch(world.api(shop), Window(100, 300), pages=1)
    assert (fetched.read, fetched.rest) == (Window(150, 300), Window(100, 150))


def test_a_page_that_is_full_and_the_last_leaves_nothing(world: World) -> None:
    fetched = fetch(world.api(Shop(range(101, 201))), Window(100, 300), pages=1)
    assert (fetched.read, fetched.rest) == (Window(100, 300), None)
    assert len(ids(fetched)) == 100


def test_one_second_with_more_sessions_than_the_budget_is_paged_to_its_end(world: World) -> None:
    fetched = fetch(world.api(Shop([150] * 450)), Window(100, 200), pages=1)
    assert (fetched.read, fetched.rest) == (Window(100, 200), None)
    assert len(ids(fetched)) == 450
    assert fetched.pages == 5


def test_below_a_dense_second_the_rest_is_handed_back(world: World) -> None:
    shop = Shop([150] * 250 + [*range(149, 49, -1)])
    fetched = fetch(world.api(shop), Window(0, 200), pages=1)
    assert (fetched.read, fetched.rest) == (Window(100, 200), Window(0, 100))
    assert len(ids(fetched)) == 299
    assert fetched.pages == 3


def test_a_cut_waits_for_the_end_of_a_second_that_many_share(world: World) -> None:
    # Of the 60 sessions in second 150 the first page shows 30, which would be read again.
    shop = Shop([200] * 70 + [150] * 60 + [*range(140, 40, -1)])
    fetched = fetch(world.api(shop), Window(0, 300), pages=1)
    assert (fetched.read, fetched.rest) == (Window(71, 300), Window(0, 71))
    assert fetched.pages == 2


def test_a_cut_does_not_wait_for_ever(world: World) -> None:
    shop = Shop([second for second in range(200, 100, -1) for _ in range(60)])
    fetched = fetch(world.api(shop), Window(100, 300), pages=1)
    assert fetched.rest is not None
    assert fetched.pages <= 1 + MOST_OVER


def test_a_budget_may_be_cut_while_it_is_used(world: World) -> None:
    shop, window = Shop(range(1, 1_001)), Window(0, 1_000)
    budget = Budget(window, 10)

    fetched = fetch(world.api(at_the_second(world, shop, budget.cut)), window, budget=budget)
    assert fetched.pages == 2
    assert (fetched.read, fetched.rest) == (Window(801, 1_000), Window(0, 801))


def test_what_is_taken_back_while_a_window_is_read_is_not_read(world: World) -> None:
    shop, window = Shop(range(1, 1_001)), Window(0, 1_000)
    budget, taken = Budget(window, PLENTY), []

    taking = at_the_second(world, shop, lambda: taken.extend(budget.take(2)))
    fetched = fetch(world.api(taking), window, budget=budget)
    # Of nine pages one is asked for, and each of three gets a third of the eight others.
    assert taken == [Window(267, 534), Window(0, 267)]
    assert (fetched.read, fetched.rest, fetched.pages) == (Window(534, 1_000), None, 5)
    assert ids(fetched) == shop.ids(fetched.read)
    assert [r.url.params["created[gt]"] for r in world.requests] == ["0", "0", "534", "534", "534"]


def test_a_page_that_was_asked_for_before_may_reach_into_what_was_taken_back(world: World) -> None:
    shop, window = Shop(range(1, 251)), Window(0, 250)
    budget, taken = Budget(window, PLENTY), []

    taking = at_the_second(world, shop, lambda: taken.extend(budget.take(1)))
    fetched = fetch(world.api(taking), window, budget=budget)
    assert taken == [Window(0, 71)]
    assert (fetched.read, fetched.rest, fetched.pages) == (Window(71, 250), None, 2)
    assert ids(fetched) == shop.ids(fetched.read)


def test_where_the_page_falls_short_of_what_was_taken_back_it_is_gone_on_to(world: World) -> None:
    # Where the second page was thought to reach, sessions lie twice as dense.
    shop, window = Shop([*range(1, 301), *range(1, 201)]), Window(0, 300)
    budget, taken = Budget(window, PLENTY), []

    taking = at_the_second(world, shop, lambda: taken.extend(budget.take(1)))
    fetched = fetch(world.api(taking), window, budget=budget)
    assert fetched.read == Window(taken[0].until, 300)
    assert fetched.pages == 3
    assert ids(fetched) == shop.ids(fetched.read)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(st.sampled_from([0, 1, 2, 40, 99, 100, 101, 150, 230]), min_size=1, max_size=8),
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.booleans(),
)
def test_a_window_read_bit_by_bit_brings_every_session_exactly_once(
    world: World, counts: list[int], budgets: list[int], newest: bool
) -> None:
    shop = Shop([at for at, count in enumerate(counts, start=1) for _ in range(count)])
    api = world.api(shop)
    rest: Window | None = Window(0, NO_END if newest else len(counts))
    reads, found = [], Counter[str]()
    while rest is not None:
        fetched = fetch(api, rest, pages=budgets[len(reads) % len(budgets)])
        assert ids(fetched) == shop.ids(fetched.read)
        assert fetched.read.until == rest.until
        assert fetched.rest is None or fetched.rest.until == fetched.read.after
        assert (fetched.rest or fetched.read).after == 0
        found.update(ids(fetched))
        reads.append(fetched.read)
        rest = fetched.rest
    assert found == Counter(s["id"] for s in shop.sessions)
    assert merge(reads) == [Window(0, NO_END if newest else len(counts))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.sampled_from([0, 1, 2, 40, 99, 100, 101, 230]), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=12),
)
def test_a_window_that_many_share_brings_every_session_exactly_once(
    world: World, counts: list[int], takes: list[tuple[int, int]]
) -> None:
    shop = Shop([at for at, count in enumerate(counts, start=1) for _ in range(count)])
    plan = list(takes)
    left, reads, found = [Window(0, len(counts))], [], Counter[str]()
    while left:
        window = left.pop()
        pages, parts = plan.pop() if plan else (PLENTY, 0)
        budget = Budget(window, pages)

        taken: list[Window] = []

        def taking(
            request: httpx.Request,
            budget: Budget = budget,
            parts: int = parts,
            taken: list[Window] = taken,
        ) -> httpx.Response:
            if parts:
                taken += budget.take(parts)
            response = shop(request)
            if parts:  # while a request is under way and between two
                taken += budget.take(1)
            return response

        fetched = fetch(world.api(taking), window, budget=budget)
        assert ids(fetched) == shop.ids(fetched.read)
        assert budget.take(1) == [], "nothing is taken back from a fetch that has ended"
        found.update(ids(fetched))
        reads.append(fetched.read)
        left += [*taken, *filter(None, [fetched.rest])]
    assert found == Counter(s["id"] for s in shop.sessions)
    assert merge(reads) == [Window(0, len(counts))]
    assert sum(read.seconds for read in reads) == len(counts), "no second is read twice"


# What is final.


@pytest.mark.parametrize(
    ("window", "final"),
    [
        (Window(NOW - 1_000, NO_END), Window(NOW - 1_000, NOW - 60)),
        (Window(NOW - 1_000, NOW - 61), Window(NOW - 1_000, NOW - 61)),
        (Window(NOW - 1_000, NOW - 60), Window(NOW - 1_000, NOW - 60)),
        (Window(NOW - 1_000, NOW - 59), Window(NOW - 1_000, NOW - 60)),
        (Window(NOW - 61, NO_END), Window(NOW - 61, NOW - 60)),
        (Window(NOW - 60, NO_END), None),
        (Window(NOW + 10, NOW + 20), None),
    ],
)
def test_what_is_read_is_final_up_to_the_settle_time_before_the_response(
    world: World, window: Window, final: Window | None
) -> None:
    fetched = fetch(world.api(Shop([])), window)
    assert fetched.final == final
    assert fetched.api_time == NOW


def test_the_seconds_that_the_request_took_are_not_final(world: World) -> None:
    shop = Shop([])

    def slow(request: httpx.Request) -> httpx.Response:
        world.now += 2.5
        return shop(request)

    fetched = fetch(world.api(slow), Window(NOW - 1_000, NO_END))
    assert fetched.final == Window(NOW - 1_000, NOW - 63)
    assert fetched.api_time == NOW


def test_the_time_of_the_first_response_counts_for_the_whole_window(world: World) -> None:
    shop = Shop(range(NOW - 250, NOW), dates=[NOW, NOW + 100, NOW + 200])
    fetched = fetch(world.api(shop), Window(NOW - 1_000, NO_END))
    assert fetched.pages == 3
    assert fetched.api_time == NOW
    assert fetched.final == Window(NOW - 1_000, NOW - 60)


def test_of_a_window_with_a_rest_only_what_was_read_is_final(world: World) -> None:
    shop = Shop([NOW - 100 - n for n in range(250)])
    fetched = fetch(world.api(shop), Window(NOW - 1_000, NO_END), pages=1)
    assert fetched.rest == Window(NOW - 1_000, NOW - 199)
    assert fetched.final == Window(NOW - 199, NOW - 60)


def test_a_rest_that_begins_inside_the_settle_time_leaves_nothing_final(world: World) -> None:
    shop = Shop([NOW] * 99 + [NOW - 30] * 2)
    fetched = fetch(world.api(shop), Window(NOW - 1_000, NO_END), pages=1)
    assert fetched.read == Window(NOW - 30, NO_END)
    assert fetched.final is None


def test_a_session_is_observed_at_the_time_of_its_own_response(world: World) -> None:
    shop = Shop(range(1, 151), dates=[NOW, NOW + 7])
    fetched = fetch(world.api(shop), Window(0, 200))
    observed = fetched.batch.sessions.column("observed_at").to_pylist()
    assert [int(at.timestamp()) for at in observed] == [NOW] * 100 + [NOW + 7] * 50


def test_the_density_is_that_of_all_that_was_seen_with_the_empty_time_above(world: World) -> None:
    full = fetch(world.api(Shop(range(1, 1_001))), Window(0, 1_000), pages=1)
    assert full.per_second == pytest.approx(1.0)
    sparse = fetch(world.api(Shop(range(1, 501))), Window(0, 1_000), pages=1)
    assert sparse.per_second == pytest.approx(100 / 600)
    newest = fetch(world.api(Shop([NOW - 600 + n for n in range(300)])), Window(0, NO_END), pages=1)
    assert newest.per_second == pytest.approx(100 / 401)


# What is not believed.


def refused(world: World, *answers: Answer) -> str:
    """Return what is said of responses that break the contract; nothing of them comes back."""
    with pytest.raises(SourceContractError) as error:
        fetch(world.api(*answers), Window(100, 200))
    assert error.value.status == 200
    assert error.value.request_id == "req_3"
    assert "stored" in error.value.message
    assert len(world.requests) == len(answers)
    return error.value.message


@pytest.mark.parametrize("created", [101, 200])
def test_the_first_and_the_last_second_belong_to_a_window(world: World, created: int) -> None:
    assert ids(fetch(world.api(page(session("cs_1", created))), Window(100, 200))) == ["cs_1"]


@pytest.mark.parametrize("created", [100, 201, 0, -5, NOW])
def test_a_session_created_outside_the_window_is_not_believed(world: World, created: int) -> None:
    assert "outside the window" in refused(world, page(session("cs_1", created)))


def test_sessions_that_are_not_newest_first_are_not_believed(world: World) -> None:
    assert "newest first" in refused(world, page(session("cs_2", 150), session("cs_1", 151)))


def test_a_page_that_is_newer_than_the_one_before_is_not_believed(world: World) -> None:
    message = refused(world, page(session("cs_2", 150), has_more=True), page(session("cs_1", 151)))
    assert "newest first" in message


def test_sessions_of_one_second_may_come_in_any_order(world: World) -> None:
    items = [session(name, 150) for name in ("cs_b", "cs_a", "cs_c")]
    assert ids(fetch(world.api(page(*items)), Window(100, 200))) == ["cs_b", "cs_a", "cs_c"]


def test_a_page_that_comes_again_is_not_believed(world: World) -> None:
    again = page(session("cs_2", 150), session("cs_1", 150), has_more=True)
    assert "same session twice" in refused(world, again, again)


def test_a_session_twice_in_a_page_is_not_believed(world: World) -> None:
    assert "same session twice" in refused(world, page(session("cs_1", 150), session("cs_1", 150)))


def test_an_empty_page_that_says_there_is_more_is_not_believed(world: World) -> None:
    assert "empty page" in refused(world, page(has_more=True))


def test_a_later_empty_page_that_says_there_is_more_is_not_believed_either(world: World) -> None:
    first = page(session("cs_1", 150), has_more=True)
    assert "empty page" in refused(world, first, page(has_more=True))


def test_an_empty_page_may_be_the_last(world: World) -> None:
    fetched = fetch(world.api(page(session("cs_1", 150), has_more=True), page()), Window(100, 200))
    assert (ids(fetched), fetched.rest, fetched.pages) == (["cs_1"], None, 2)


def test_live_and_test_mode_together_are_not_believed(world: World) -> None:
    live, test = session("cs_2", 150, livemode=True), session("cs_1", 150, livemode=False)
    assert "live and test mode" in refused(world, page(live, test))


def test_live_and_test_mode_on_two_pages_are_not_believed(world: World) -> None:
    live, test = session("cs_2", 150, livemode=True), session("cs_1", 150, livemode=False)
    assert "live and test mode" in refused(world, page(live, has_more=True), page(test))


@pytest.mark.parametrize("mode", [True, False])
def test_the_mode_of_the_sessions_is_handed_on(world: World, mode: bool) -> None:
    items = [session("cs_2", 150), session("cs_1", 150, livemode=mode)]
    assert fetch(world.api(page(*items)), Window(100, 200)).livemode is mode


@pytest.mark.parametrize(
    "element",
    [
        {"object": "checkout.session", "created": 150},
        {"id": "cs_1", "object": "checkout.session"},
        {"id": "cs_1", "object": "checkout.session", "created": "150"},
        {"id": "pi_1", "object": "payment_intent", "created": 150},
        None,
    ],
)
def test_an_element_that_is_no_session_is_not_believed(world: World, element: Any) -> None:
    assert "no checkout session" in refused(world, page(session("cs_2", 150), element))


def test_a_bad_later_page_takes_the_pages_before_it_along(world: World) -> None:
    first = page(session("cs_2", 150), has_more=True)
    with pytest.raises(SourceContractError):
        fetch(world.api(first, page("7")), Window(100, 200))
    with pytest.raises(SourceRequestError):
        fetch(world.api(first, answer(b"{}", 400)), Window(100, 200))


def test_a_session_without_a_place_in_the_columns_is_set_aside_and_still_a_cursor(
    world: World,
) -> None:
    bad = session("cs_1", 150, amount_total="x")
    api = world.api(page(session("cs_2", 151), bad, has_more=True), page(session("cs_0", 150)))
    fetched = fetch(api, Window(100, 200))
    assert ids(fetched) == ["cs_2", "cs_0"]
    assert [(r.head.id, at) for r, at in fetched.batch.rejects] == [("cs_1", NOW)]
    assert world.requests[1].url.params["starting_after"] == "cs_1"


def test_a_bad_session_in_the_second_that_was_cut_is_left_to_the_rest(world: World) -> None:
    bad = session("cs_1", 150, amount_total="x")
    fetched = fetch(
        world.api(page(session("cs_2", 151), bad, has_more=True)), Window(100, 200), pages=1
    )
    assert fetched.rest == Window(100, 150)
    assert fetched.batch.rejects == []
    assert ids(fetched) == ["cs_2"]


def test_half_a_surrogate_pair_sets_its_session_aside_and_no_other(world: World) -> None:
    items = [json.dumps(session("cs_2", 151)), json.dumps(session("cs_1", 150, locale="\ud800"))]
    fetched = fetch(world.api(page(*items)), Window(100, 200))
    assert ids(fetched) == ["cs_2"]
    assert [reject.head.id for reject, _ in fetched.batch.rejects] == ["cs_1"]


@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"b\\"]}":', "}]")]
)
def test_a_session_nested_too_deep_for_a_decoder_is_set_aside_and_no_other(
    world: World, opening: str, closing: str
) -> None:
    deep = opening * 5_000 + "1" + closing * 5_000
    bad = json.dumps(session("cs_1", 150))[:-1] + f',"new":{deep}}}'
    items = [json.dumps(session("cs_2", 151)), bad, json.dumps(session("cs_0", 149))]
    fetched = fetch(world.api(page(*items)), Window(100, 200))
    assert ids(fetched) == ["cs_2", "cs_0"]
    ((reject, _),) = fetched.batch.rejects
    assert (reject.head.id, reject.head.created) == ("cs_1", 150)
    assert reject.reason == "it is nested too deep"


@pytest.mark.parametrize("order", list(itertools.permutations(["good", "half", "deep", "both"])))
def test_half_a_pair_and_deep_nesting_set_their_sessions_aside_in_any_order(
    world: World, order: Sequence[str]
) -> None:
    half, deep = '"locale":"\\ud800"', '"new":' + "[" * 5_000 + "]" * 5_000
    more = {"good": '"locale":"de"', "half": half, "deep": deep, "both": f"{half},{deep}"}
    items = [
        json.dumps(session(f"cs_{name}", 150 - place))[:-1] + f",{more[name]}}}"
        for place, name in enumerate(order)
    ]
    fetched = fetch(world.api(page(*items)), Window(100, 200))
    assert ids(fetched) == ["cs_good"]
    aside = [reject.head.id for reject, _ in fetched.batch.rejects]
    assert aside == [f"cs_{name}" for name in order if name != "good"]
