"""What is planned to be read, against every other way to read it."""

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.planner import (
    BUDGET_PAGES,
    GROW,
    GROW_FROM,
    LAST_SHARE_PAGES,
    LEAST_SHARE_PAGES,
    UNKNOWN_PAGES,
    Due,
    Piece,
    holes,
    is_due,
    most_cuts,
    newest,
    probes,
    rereads,
    rest,
    shares,
)
from pipelines.state import State, Unsettled
from pipelines.stripe_api import PAGE_SIZE
from pipelines.windows import NO_END, Window, subtract

HOUR, DAY = 3_600, 86_400
CREATED = 1_700_000_000


class Store:
    """Stored sessions: how many were created in each second, which seconds are due."""

    def __init__(self, counts: dict[int, int], due: set[int], coverage: list[Window]) -> None:
        self.counts = counts
        self.coverage = coverage
        self.dues = [Due(s, self.held(Window(0, s - 1)), self.held(Window(0, s))) for s in due]
        self.dues.sort(key=lambda one: one.second)
        # The newest window begins where the coverage ends; what is stored after it isn't final.
        total = self.held(Window(0, self.end))
        self.newest = Due(NO_END, total, total)

    def __repr__(self) -> str:
        return f"Store({self.counts}, {[d.second for d in self.dues]}, {self.coverage})"

    @property
    def end(self) -> int:
        return self.coverage[-1].until if self.coverage else 0

    def held(self, window: Window) -> int:
        """Return how many stored sessions a window holds."""
        until = self.end if window.open_ended else window.until
        return sum(n for second, n in self.counts.items() if window.after < second <= until)

    def pages(self, window: Window) -> int:
        """Return how many requests reading a window costs."""
        return max(1, math.ceil(self.held(window) / 100))

    def cost(self, windows: Sequence[Window]) -> int:
        return sum(self.pages(window) for window in windows)

    def covered_dues(self, cover: Window) -> list[int]:
        return [due.second for due in self.dues if due.second in cover]

    def window(self, seconds: Sequence[int], cover: Window) -> Window:
        """Return the window that reads these seconds, up to the newest where NO_END is one."""
        return Window(cover.until if seconds[0] == NO_END else seconds[0] - 1, seconds[-1])

    def cheapest(self, *, newest: bool) -> int:
        """Return the least cost of all ways to cut the due seconds into windows."""
        total = 0
        for cover in self.coverage:
            seconds = self.covered_dues(cover)
            if newest and cover == self.coverage[-1]:
                seconds.append(NO_END)
            cuts = range(1, len(seconds))
            total += min(
                self.cost([self.window(part, cover) for part in pieces(seconds, chosen)])
                for number in range(len(seconds) or 1)
                for chosen in combinations(cuts, number)
            )
        return total


def pieces(seconds: Sequence[int], cuts: Sequence[int]) -> list[Sequence[int]]:
    """Cut a list before each of these positions; no piece is empty."""
    ends = [0, *cuts, len(seconds)]
    return [seconds[a:b] for a, b in pairwise(ends) if a < b]


@st.composite
def stores(draw: st.DrawFn, last: int, counts: Sequence[int], *, whole: bool = False) -> Store:
    """Return a store over the seconds 1 to `last`, covered as a whole or with holes."""
    held = draw(st.lists(st.sampled_from(counts), min_size=last, max_size=last))
    due = draw(st.lists(st.booleans(), min_size=last, max_size=last))
    gaps = st.just([]) if whole else st.lists(st.integers(1, last), max_size=2)
    coverage = [Window(0, last)]
    for gap in draw(gaps):
        coverage = [part for cover in coverage for part in subtract(cover, [Window(gap - 1, gap)])]
    return Store(
        dict(enumerate(held, start=1)),
        {second for second, is_due in enumerate(due, start=1) if is_due},
        coverage,
    )


def windows(planned: Sequence[Piece]) -> list[Window]:
    return [piece.window for piece in planned]


def plan(store: Store, *, newest: bool) -> list[Window]:
    return windows(rereads(store.dues, store.coverage, store.newest if newest else None))


small = stores(last=9, counts=[0, 1, 15, 30, 49, 50, 51, 70, 85, 99, 100])
dense = stores(last=9, counts=[0, 99, 100, 150, 500, 601, 1_750])
large = stores(last=40, counts=[0, 0, 0, 1, 30, 70, 100, 350, 1_700])


@settings(max_examples=500)
@given(small, st.booleans())
def test_rereads_cost_as_few_requests_as_any_plan_could(store: Store, newest: bool) -> None:
    planned = plan(store, newest=newest)
    assert store.cost(planned) == store.cheapest(newest=newest)


@given(dense, st.booleans())
def test_cutting_a_large_cluster_costs_at_most_one_request_a_cut(
    store: Store, newest: bool
) -> None:
    planned = plan(store, newest=newest)
    oldest_first = planned[::-1]
    cuts = sum(
        store.held(Window(older.after, newer.until)) > 1_000
        for older, newer in pairwise(oldest_first)
    )
    assert store.cheapest(newest=newest) <= store.cost(planned)
    assert store.cost(planned) <= store.cheapest(newest=newest) + cuts


@given(large, st.booleans())
def test_every_due_second_inside_the_coverage_is_read_once_and_none_outside_it(
    store: Store, newest: bool
) -> None:
    planned = plan(store, newest=newest)
    for due in store.dues:
        covered = any(due.second in cover for cover in store.coverage)
        readers = [
            window
            for window in planned
            if due.second in Window(window.after, min(window.until, max(store.end, window.after)))
        ]
        assert len(readers) == (1 if covered else 0)


@given(large, st.booleans())
def test_no_second_is_in_two_windows_and_the_windows_come_newest_first(
    store: Store, newest: bool
) -> None:
    planned = plan(store, newest=newest)
    assert all(window.seconds > 0 for window in planned)
    assert all(newer.after >= older.until for newer, older in pairwise(planned))


@given(large, st.booleans())
def test_no_window_crosses_a_hole(store: Store, newest: bool) -> None:
    for window in plan(store, newest=newest):
        end = store.coverage[-1].until if window.open_ended else window.until
        assert subtract(Window(window.after, end), store.coverage) == []


@given(large, st.booleans())
def test_rereads_never_cost_more_than_the_seconds_read_one_by_one(
    store: Store, newest: bool
) -> None:
    planned = plan(store, newest=newest)
    single = [
        Window(due.second - 1, due.second)
        for due in store.dues
        if any(due.second in cover for cover in store.coverage)
    ]
    apart = store.cost(single) + (1 if newest and store.coverage else 0)
    assert store.cost(planned) <= apart


@given(large, st.booleans())
def test_the_budget_of_a_window_lets_it_be_read_to_its_end(store: Store, newest: bool) -> None:
    for piece in rereads(store.dues, store.coverage, store.newest if newest else None):
        assert piece.budget >= store.pages(piece.window)


@given(stores(last=40, counts=[0, 1, 40, 200], whole=True))
def test_the_newest_window_comes_first_and_starts_at_the_coverage_or_at_a_due_second(
    store: Store,
) -> None:
    first, *others = plan(store, newest=True)
    assert first.until == NO_END
    assert first.after in {40, *(due.second - 1 for due in store.dues)}
    assert not any(window.open_ended for window in others)


def test_with_nothing_due_only_the_newest_window_is_read() -> None:
    store = Store({1: 30}, set(), [Window(0, 10)])
    assert plan(store, newest=True) == [Window(10, NO_END)]
    assert rereads([], store.coverage) == []


def test_neighbours_that_fit_on_one_page_share_one_request() -> None:
    store = Store({1: 40, 5: 20, 9: 40}, {1, 9}, [Window(0, 10)])
    assert plan(store, newest=False) == [Window(0, 9)]


def test_neighbours_with_more_than_a_page_around_them_are_read_apart() -> None:
    store = Store({1: 50, 5: 101, 9: 50}, {1, 9}, [Window(0, 10)])
    assert plan(store, newest=False) == [Window(8, 9), Window(0, 1)]


def test_the_newest_window_is_widened_over_a_due_second_that_fits_on_its_page() -> None:
    store = Store({5: 100}, {5}, [Window(0, 10)])
    assert plan(store, newest=True) == [Window(4, NO_END)]


def test_the_newest_window_is_not_widened_where_that_costs_a_page() -> None:
    store = Store({5: 1, 7: 100}, {5}, [Window(0, 10)])
    assert plan(store, newest=True) == [
        Window(10, NO_END),
        Window(4, 5),
    ]


def test_a_second_of_many_pages_is_one_window() -> None:
    store = Store({5: 12_345}, {5}, [Window(0, 10)])
    assert plan(store, newest=False) == [Window(4, 5)]


def test_a_large_cluster_is_cut_into_parts_of_no_more_pages_than_a_budget() -> None:
    # Twenty seconds of 95 sessions fit on 19 pages; fewer save none.
    store = Store(dict.fromkeys(range(1, 101), 95), set(range(1, 101)), [Window(0, 100)])
    planned = plan(store, newest=False)
    assert store.cost(planned) <= 100
    assert max(store.pages(window) for window in planned) <= BUDGET_PAGES


@pytest.mark.parametrize(
    ("reason", "read_at", "now", "due"),
    [
        pytest.param("open", CREATED, CREATED, True, id="an open one at every run"),
        pytest.param("open", CREATED + DAY, CREATED + DAY + 1, True, id="a second later too"),
        # 0.02 of two days are 3,456 s: looked at about hourly.
        pytest.param("unpaid", 2 * DAY - 3_456, 2 * DAY, True, id="unpaid, 0.02 of its age ago"),
        pytest.param("unpaid", 2 * DAY - 3_455, 2 * DAY, False, id="unpaid, a second less ago"),
        # 0.02 of thirty days are 51,840 s: looked at about twice a day.
        pytest.param("unpaid", 30 * DAY - 51_840, 30 * DAY, True, id="a month old, half a day ago"),
        pytest.param("unpaid", 30 * DAY - 51_839, 30 * DAY, False, id="a month old, a second less"),
        # The last look before payment is given up comes late, but it comes.
        pytest.param("unpaid", 62 * DAY - 1, 80 * DAY, True, id="unpaid, 18 days after its time"),
        # 25 h are 90,000 s.
        pytest.param("unpaid", 89_999, 90_000, True, id="unpaid, not read since 25 h"),
        pytest.param("unpaid", 90_000, 90_001, False, id="unpaid, read at 25 h"),
        pytest.param("fresh", 10, 89_999, False, id="fresh, before 25 h"),
        pytest.param("fresh", 10, 90_000, True, id="fresh, at 25 h"),
        pytest.param("fresh", 89_999, 400 * DAY, True, id="fresh, long after 25 h"),
    ],
)
def test_an_unsettled_session_is_due(reason: str, read_at: int, now: int, due: bool) -> None:
    created = CREATED if now >= CREATED else 0
    assert is_due(created, read_at, reason, now, 0.02) is due


@given(
    st.sampled_from(["open", "unpaid", "fresh"]), st.integers(0, 90 * DAY), st.integers(0, 90 * DAY)
)
def test_with_a_ratio_of_0_everything_unsettled_is_due(reason: str, age: int, ago: int) -> None:
    now = CREATED + age
    assert is_due(CREATED, now - ago, reason, now, 0)


@given(st.sampled_from(["unpaid", "fresh"]), st.integers(0, 62 * DAY - 1), st.floats(0.001, 0.9))
def test_none_stays_unsettled_forever_without_a_last_look(
    reason: str, read_after: int, ratio: float
) -> None:
    horizon = 25 * HOUR if reason == "fresh" else 62 * DAY
    read_at = CREATED + min(read_after, horizon - 1)
    # Due at the latest when the time since the last look is `ratio` of the age.
    latest = CREATED + max(horizon, math.ceil((read_at - CREATED) / (1 - ratio)) + 1)
    assert is_due(CREATED, read_at, reason, latest, ratio)


def test_the_holes_are_what_is_not_covered_since_the_start_newest_first() -> None:
    coverage = [Window(50, 200), Window(300, 400)]
    assert holes(100, coverage) == [Window(400, NO_END), Window(200, 300)]
    assert holes(40, coverage) == [Window(400, NO_END), Window(200, 300), Window(39, 50)]


def test_with_nothing_covered_the_only_hole_is_all_time_from_the_start_on() -> None:
    assert holes(100, []) == [Window(99, NO_END)]


@given(st.integers(0, 100_000), st.integers(1, 100_000), st.floats(0.0001, 1_000))
def test_the_probes_of_a_rest_cover_it_exactly_newest_first(
    after: int, length: int, per_second: float
) -> None:
    rest = Window(after, after + length)
    parts = windows(probes(rest, per_second))
    assert parts[0].until == rest.until
    assert parts[-1].after == rest.after
    assert all(newer.after == older.until for newer, older in pairwise(parts))
    assert all(part.seconds > 0 for part in parts)


def test_where_nobody_knows_how_far_sessions_go_each_part_is_longer_than_the_newer_one() -> None:
    # One page a second.
    parts = probes(Window(0, 300), per_second=float(PAGE_SIZE))
    assert [part.window.seconds for part in parts] == [
        GROW_FROM,
        GROW_FROM * GROW,
        GROW_FROM * GROW**2,
        GROW_FROM * GROW**3,
        300 - GROW_FROM * (1 + GROW + GROW**2 + GROW**3),
    ]
    assert all(part.budget == UNKNOWN_PAGES for part in parts), "a page of each tells whether"


@given(st.floats(0, 1_000_000), st.integers(1, 64))
def test_cuts_cost_a_few_hundredths_of_the_pages_and_half_a_page_a_fetcher(
    pages: float, width: int
) -> None:
    # Each costs half a page at its end; what is asked of a load is 1.03 x its pages + 16.
    cost = most_cuts(pages, width) / 2
    assert cost <= 0.03 * pages + 0.5 * width
    assert cost <= 0.2 * pages + 0.5


def test_of_a_page_or_two_nothing_is_cut() -> None:
    assert most_cuts(1.0, width=40) == 0
    assert most_cuts(3.0, width=40) == 1


spares = st.lists(st.floats(0, 1_000), max_size=12)


@given(spares, st.integers(0, 64), st.integers(1, 64))
def test_no_more_fetchers_get_a_share_than_idle(spare: list[float], idle: int, width: int) -> None:
    given = shares(spare, idle, width)
    assert len(given) == len(spare)
    assert sum(given) <= idle


@given(spares, st.integers(0, 64), st.integers(1, 64))
def test_no_share_is_smaller_than_is_worth_its_last_page(
    spare: list[float], idle: int, width: int
) -> None:
    little = sum(spare) <= width
    for pages, parts in zip(spare, shares(spare, idle, width), strict=True):
        if parts and little:  # all of it is asked for at once, so the fetch itself keeps none
            assert pages / parts >= LAST_SHARE_PAGES
        elif parts:
            assert pages / (parts + 1) >= LEAST_SHARE_PAGES


@given(spares, st.integers(0, 64))
def test_the_shares_of_one_window_are_never_twice_those_of_another(
    spare: list[float], idle: int
) -> None:
    given = shares(spare, idle, width=1)
    left = [pages / (parts + 1) for pages, parts in zip(spare, given, strict=True)]
    if sum(given) < idle:  # nothing is left that is worth it
        assert all(pages < 2 * LEAST_SHARE_PAGES for pages in left)
    for pages, parts in zip(spare, given, strict=True):
        if parts:
            assert pages / parts >= max(left) - 1e-9


def test_each_idle_fetcher_goes_to_where_the_shares_are_largest() -> None:
    assert shares([80.0, 20.0, 9.0], idle=4, width=1) == [4, 0, 0]
    assert shares([80.0, 20.0, 9.0], idle=6, width=1) == [5, 1, 0]
    assert shares([3.0], idle=4, width=1) == [0]
    assert shares([], idle=4, width=1) == []


def test_where_all_can_be_asked_for_at_once_it_is() -> None:
    assert shares([1.9, 0.5, 0.9], idle=8, width=4) == [2, 0, 1]


def opened(created: int) -> Unsettled:
    """An open session, the oldest one stored."""
    return Unsettled(f"cs_{created}", created, created + HOUR, "open", before=0, through=1)


def test_a_first_sync_reads_all_time_from_the_start_in_one_window() -> None:
    first = newest(State(), CREATED, ratio=0.02)
    assert first == Piece(Window(CREATED - 1, NO_END))
    assert [*rest(State(), CREATED, 0.02, first.window, CREATED + DAY)] == []


def test_a_later_sync_reads_what_is_new_then_what_is_due_then_the_holes() -> None:
    end = CREATED + 40 * DAY
    coverage = [Window(CREATED - 1, CREATED + DAY), Window(CREATED + 2 * DAY, end)]
    hole = Window(CREATED + DAY, CREATED + 2 * DAY)
    due = opened(CREATED + 5 * DAY)
    # So much is stored since that to widen the newest window would cost more.
    known = State(coverage=coverage, unsettled=[due], stored=5_000)
    first = newest(known, CREATED, ratio=0.02)
    assert first.window == Window(end, NO_END)
    others = [piece.window for piece in rest(known, CREATED, 0.02, first.window, end + DAY)]
    assert others == [Window(due.created - 1, due.created), hole]

    few = State(coverage=coverage, unsettled=[due], stored=50)
    widened = newest(few, CREATED, ratio=0.02)
    assert widened.window == Window(due.created - 1, NO_END)
    others = [piece.window for piece in rest(few, CREATED, 0.02, widened.window, end + DAY)]
    assert others == [hole]


def test_what_is_due_before_a_start_that_was_moved_forward_is_read_all_the_same() -> None:
    start = CREATED + 10 * DAY
    known = State(coverage=[Window(start - 1, start + DAY)], unsettled=[opened(CREATED)], stored=9)
    first = newest(known, start, ratio=0.02)
    others = rest(known, start, 0.02, first.window, start + 2 * DAY)
    assert [piece.window for piece in others] == [Window(CREATED - 1, CREATED)]
