"""What a fetch may still read, and what may be taken back of it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.budget import CERTAIN_SHARE, Budget
from pipelines.windows import NO_END, Window


def reading(window: Window, oldest: int, per_second: float, pages: int = 9) -> Budget:
    """Return the budget of a fetch that has read a window down to a second."""
    budget = Budget(window, pages)
    budget.spend(oldest, per_second)
    return budget


def test_a_page_of_a_sale_says_little_of_the_days_around_it() -> None:
    budget = Budget(Window(0, 1_000), 9, per_second=1.0)
    budget.spend(oldest=901, per_second=81.0)
    assert budget.per_second == pytest.approx(3.0)
    for _ in range(8):
        budget.spend(oldest=901, per_second=81.0)
    assert budget.per_second == pytest.approx(27.0)


def test_a_budget_is_used_up_by_its_pages() -> None:
    budget = Budget(Window(0, 1_000), 3)
    assert budget.spend(oldest=901, per_second=1.0) is True
    assert budget.spend(oldest=801, per_second=1.0) is True
    assert budget.spend(oldest=701, per_second=1.0) is False


def test_it_knows_how_many_pages_follow_the_one_that_is_asked_for() -> None:
    assert Budget(Window(0, 1_000), 9).spare == 0, "nobody knows yet"
    assert Budget(Window(0, NO_END), 9, per_second=1.0).spare == 0, "nor before now is known"
    assert Budget(Window(0, 1_000), 9, per_second=1.0).spare == pytest.approx(9.0)
    assert reading(Window(0, 1_000), oldest=901, per_second=1.0).spare == pytest.approx(8.01)
    assert reading(Window(0, 1_000), oldest=50, per_second=1.0).spare == 0


def test_what_is_taken_back_and_what_stays_are_equal_parts() -> None:
    budget = reading(Window(0, 1_000), oldest=900, per_second=1.0)
    # The page that is asked for reaches to 800; 800 seconds are shared by four.
    assert budget.take(3) == [Window(400, 600), Window(200, 400), Window(0, 200)]
    assert budget.window == Window(600, 1_000)


def test_of_little_nothing_stays_but_the_page_that_is_asked_for() -> None:
    budget = reading(Window(0, 1_000), oldest=200, per_second=1.0)
    border = 200 - round(CERTAIN_SHARE * 100)
    assert budget.take(1) == [Window(0, border)]
    assert budget.window == Window(border, 1_000)


def test_nothing_is_taken_back_once_a_fetch_has_ended() -> None:
    budget = reading(Window(0, 1_000), oldest=900, per_second=1.0)
    assert budget.close() == Window(0, 1_000)
    assert budget.take(3) == []
    assert budget.spare == 0


def test_a_single_second_is_never_cut() -> None:
    budget = reading(Window(0, 1_000), oldest=1, per_second=5_000.0)
    assert budget.take(3) == []
    assert budget.window == Window(0, 1_000)


@given(
    st.integers(0, 10_000),
    st.integers(1, 10_000),
    st.data(),
    st.floats(0.001, 1_000),
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
)
def test_what_is_taken_back_and_what_stays_are_the_window_as_it_was(
    after: int, length: int, data: st.DataObject, per_second: float, takes: list[int]
) -> None:
    window = Window(after, after + length)
    oldest = data.draw(st.integers(after + 1, window.until))
    budget = reading(window, oldest, per_second)
    whole: list[Window] = []
    for parts in takes:
        taken = budget.take(parts)
        assert len(taken) <= parts
        whole = taken + whole
    whole = [budget.window, *whole]
    assert whole[0].until == window.until
    assert whole[-1].after == window.after
    assert all(newer.after == older.until for newer, older in pairwise(whole))
    assert all(part.seconds > 0 for part in whole)
    assert budget.window.after < oldest, "what was seen stays with the fetch"
