"""Window arithmetic: spans of `created` seconds, open at their start, closed at their end.

Pure: every moment is an argument, in epoch seconds UTC.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

NO_END = 2**53
"""The end of a window that reaches to whatever is newest; asked for without an upper bound."""


class Window(NamedTuple):
    """The sessions with `after < created <= until`, in epoch seconds."""

    after: int
    until: int

    @property
    def seconds(self) -> int:
        """How many `created` seconds it holds; none if it is empty."""
        return max(0, self.until - self.after)

    @property
    def open_ended(self) -> bool:
        """Whether it reaches to whatever is newest."""
        return self.until >= NO_END

    def shown(self) -> dict[str, str | None]:
        """Return its ends for people and logs, in ISO 8601 UTC; `now` for none."""
        return {"after": iso(self.after), "until": "now" if self.open_ended else iso(self.until)}

    def __contains__(self, second: object) -> bool:
        """Whether a `created` second lies inside."""
        return isinstance(second, int) and self.after < second <= self.until


def merge(windows: Iterable[Window]) -> list[Window]:
    """Return the same seconds as the fewest windows, oldest first; empty windows fall away."""
    merged: list[Window] = []
    for window in sorted(windows):
        if window.after >= window.until:
            continue
        if merged and window.after <= merged[-1].until:
            merged[-1] = Window(merged[-1].after, max(merged[-1].until, window.until))
        else:
            merged.append(window)
    return merged


def hulls(windows: Iterable[Window], most: int) -> list[Window]:
    """Return at most `most` windows that hold all of these, and as few other seconds as may be."""
    merged = merge(windows)
    if not merged:
        return []
    gaps = sorted(
        range(1, len(merged)), key=lambda n: merged[n].after - merged[n - 1].until, reverse=True
    )
    starts = [0, *sorted(gaps[: most - 1]), len(merged)]
    return [Window(merged[first].after, merged[end - 1].until) for first, end in pairwise(starts)]


def subtract(window: Window, covered: Iterable[Window]) -> list[Window]:
    """Return the parts of `window` that no covered window holds, oldest first."""
    holes = []
    start = window.after
    for cover in merge(covered):
        if cover.until <= start:
            continue
        if cover.after >= window.until:
            break
        if cover.after > start:
            holes.append(Window(start, cover.after))
        start = cover.until
    if start < window.until:
        holes.append(Window(start, window.until))
    return holes


def intersect(window: Window, covered: Iterable[Window]) -> list[Window]:
    """Return the parts of `window` that the covered windows hold, oldest first."""
    clipped = (Window(max(window.after, c.after), min(window.until, c.until)) for c in covered)
    return merge(clipped)


def final_part(window: Window, seen_at: int, settle_s: int) -> Window | None:
    """Return what of a read window is final: nothing later than `seen_at - settle_s`.

    Args:
        window: the seconds that were read completely.
        seen_at: API time at which their first page was certainly complete, epoch seconds.
        settle_s: how long a session may take to appear, in seconds.
    """
    until = min(window.until, seen_at - settle_s)
    return Window(window.after, until) if until > window.after else None


def watermark(coverage: Iterable[Window], start: int) -> int | None:
    """Return the largest t such that every second from `start` to t is covered, else None."""
    for cover in merge(coverage):
        if cover.after < start <= cover.until:
            return cover.until
    return None


def newest_covered(coverage: Sequence[Window]) -> int | None:
    """Return the end of the newest covered window, None while nothing is covered."""
    return max((cover.until for cover in coverage), default=None)


def newest_part(window: Window, per_second: float, sessions: float) -> tuple[Window, Window | None]:
    """Cut off a window's newest part, which holds about so many sessions; give it and the rest.

    There is no rest where it would be too short to be worth a part of its own.

    Args:
        window: the window; has an end.
        per_second: sessions a second, as seen just above it; 0 where none were.
        sessions: how many the part should hold.
    """
    step = max(1, round(sessions / per_second)) if per_second > 0 else window.seconds
    border = window.until - step
    if border - window.after < step / 4:
        return window, None
    return Window(border, window.until), Window(window.after, border)


def iso(second: int | None) -> str | None:
    """Return an epoch second as ISO 8601 UTC."""
    if second is None:
        return None
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
