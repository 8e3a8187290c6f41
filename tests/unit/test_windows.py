"""Window arithmetic against sets of seconds."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.windows import (
    NO_END,
    Window,
    final_part,
    hulls,
    intersect,
    merge,
    newest_covered,
    newest_part,
    subtract,
    watermark,
)

moments = st.integers(0, 30)
any_window = st.builds(Window, moments, moments)
any_windows = st.lists(any_window, max_size=6)


def seconds(*windows: Window) -> set[int]:
    """Return what windows hold, by their definition: after < created <= until."""
    return {second for after, until in windows for second in range(after + 1, until + 1)}


def are_fewest(windows: list[Window]) -> bool:
    """Whether they are oldest first, none empty, and no two of them touch."""
    pairs = itertools.pairwise(windows)
    return all(w.after < w.until for w in windows) and all(a.until < b.after for a, b in pairs)


def test_a_window_is_open_at_its_start_and_closed_at_its_end() -> None:
    window = Window(10, 12)
    assert [second for second in range(9, 14) if second in window] == [11, 12]
    assert window.seconds == 2


@pytest.mark.parametrize("window", [Window(5, 5), Window(6, 5)])
def test_an_empty_window_holds_no_second(window: Window) -> None:
    assert window.seconds == 0
    assert not any(second in window for second in range(12))


def test_only_a_window_without_an_end_is_open_ended() -> None:
    assert Window(3, NO_END).open_ended
    assert not Window(3, 2_000_000_000).open_ended
    assert 2_000_000_000 in Window(3, NO_END)


@given(any_windows, st.integers(1, 4))
def test_hulls_hold_all_windows_and_the_fewest_seconds_besides(
    windows: list[Window], most: int
) -> None:
    found = hulls(windows, most)
    merged = merge(windows)
    assert len(found) == min(most, len(merged))
    assert are_fewest(found)
    assert seconds(*windows) <= seconds(*found)
    if not merged:
        return
    # Every way to join neighbours to so many.
    ways = itertools.combinations(range(1, len(merged)), len(found) - 1)
    joined = [
        [Window(merged[a].after, merged[b - 1].until) for a, b in itertools.pairwise(cuts)]
        for cuts in ([0, *way, len(merged)] for way in ways)
    ]
    assert found in joined
    assert all(len(seconds(*found)) <= len(seconds(*way)) for way in joined)


@given(any_windows)
def test_merge_keeps_the_seconds_in_the_fewest_windows(windows: list[Window]) -> None:
    merged = merge(windows)
    assert seconds(*merged) == seconds(*windows)
    assert are_fewest(merged)


def test_windows_that_touch_become_one_and_those_a_second_apart_stay_two() -> None:
    assert merge([Window(5, 9), Window(0, 5)]) == [Window(0, 9)]
    assert merge([Window(6, 9), Window(0, 5)]) == [Window(0, 5), Window(6, 9)]


def test_a_window_inside_another_falls_away() -> None:
    assert merge([Window(2, 3), Window(0, 9), Window(0, 1)]) == [Window(0, 9)]


@given(any_window, any_windows)
def test_subtract_leaves_the_seconds_that_are_not_covered(
    window: Window, covered: list[Window]
) -> None:
    holes = subtract(window, covered)
    assert seconds(*holes) == seconds(window) - seconds(*covered)
    assert are_fewest(holes)


def test_subtract_from_a_window_without_end_leaves_it_without_end() -> None:
    assert subtract(Window(0, NO_END), [Window(-5, 10), Window(20, 30)]) == [
        Window(10, 20),
        Window(30, NO_END),
    ]


def test_what_only_touches_a_window_takes_nothing_from_it() -> None:
    assert subtract(Window(5, 9), [Window(0, 5), Window(9, 12)]) == [Window(5, 9)]


@given(any_window, any_windows)
def test_intersect_keeps_the_seconds_that_are_covered(
    window: Window, covered: list[Window]
) -> None:
    both = intersect(window, covered)
    assert seconds(*both) == seconds(window) & seconds(*covered)
    assert are_fewest(both)


@given(any_windows, moments)
def test_the_watermark_is_the_end_of_the_time_covered_from_the_start_without_a_hole(
    coverage: list[Window], start: int
) -> None:
    covered = seconds(*coverage)
    reached = start
    while reached in covered:
        reached += 1
    assert watermark(coverage, start) == (reached - 1 if reached > start else None)


def test_the_watermark_stops_at_the_first_hole() -> None:
    assert watermark([Window(99, 200), Window(201, 300)], start=100) == 200


def test_coverage_that_begins_after_the_start_gives_no_watermark() -> None:
    assert watermark([Window(100, 200)], start=100) is None
    assert watermark([], start=100) is None


@given(any_windows.map(merge))
def test_newest_covered_is_the_newest_second_covered(coverage: list[Window]) -> None:
    assert newest_covered(coverage) == max(seconds(*coverage), default=None)


@given(any_window, st.integers(0, 40), st.integers(0, 10))
def test_a_second_is_final_once_the_settle_time_has_passed(
    window: Window, seen_at: int, settle_s: int
) -> None:
    final = final_part(window, seen_at, settle_s)
    expected = {second for second in seconds(window) if second <= seen_at - settle_s}
    assert seconds(*([final] if final else [])) == expected
    assert (final is None) == (not expected)


def test_a_window_into_the_future_is_final_up_to_the_settle_time_only() -> None:
    assert final_part(Window(100, NO_END), seen_at=1_000, settle_s=60) == Window(100, 940)
    assert final_part(Window(100, 940), seen_at=1_000, settle_s=60) == Window(100, 940)
    assert final_part(Window(939, NO_END), seen_at=1_000, settle_s=60) == Window(939, 940)
    assert final_part(Window(940, NO_END), seen_at=1_000, settle_s=60) is None


def cut(window: Window, per_second: float, per_part: int, most: int) -> list[Window]:
    """Cut off newest parts one after the other, so many at the most; the rest is the last."""
    parts: list[Window] = []
    rest: Window | None = window if window.seconds > 0 else None
    while rest is not None and len(parts) < most:
        part, rest = newest_part(rest, per_second, per_part)
        parts.append(part)
    return parts if rest is None else [*parts, rest]


@given(
    any_window,
    st.just(0.0) | st.floats(1e-9, 50),
    st.integers(1, 100),
    st.integers(0, 8),
)
def test_newest_parts_cut_a_window_without_gap_or_overlap_newest_first(
    window: Window, per_second: float, per_part: int, most: int
) -> None:
    parts = cut(window, per_second, per_part, most)
    assert sum(part.seconds for part in parts) == window.seconds
    assert seconds(*parts) == seconds(window)
    assert parts == sorted(parts, reverse=True)
    assert all(part.seconds > 0 for part in parts)
    assert len(parts) <= most + 1


def test_newest_parts_are_cut_by_the_density_and_what_is_older_is_left_in_one() -> None:
    # Half a session a second and 100 sessions a part: 200 s each.
    assert cut(Window(0, 1_000), 0.5, 100, most=3) == [
        Window(800, 1_000),
        Window(600, 800),
        Window(400, 600),
        Window(0, 400),
    ]


def test_a_rest_too_short_for_a_part_of_its_own_is_not_cut_off() -> None:
    assert newest_part(Window(0, 250), 0.5, 100) == (Window(50, 250), Window(0, 50))
    assert newest_part(Window(0, 249), 0.5, 100) == (Window(0, 249), None)
    assert newest_part(Window(0, 150), 0.5, 100) == (Window(0, 150), None)


def test_a_part_is_never_shorter_than_a_second() -> None:
    assert cut(Window(0, 3), 1_000.0, 100, most=5) == [Window(2, 3), Window(1, 2), Window(0, 1)]


def test_without_a_density_nothing_is_cut() -> None:
    assert cut(Window(0, 1_000), 0.0, 100, most=3) == [Window(0, 1_000)]
