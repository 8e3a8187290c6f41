"""What to read: the holes in the coverage, and the unsettled sessions that are due.

Pure: what the warehouse knows and the time are arguments, in epoch seconds of API time.

Cost model. One request returns at most 100 sessions, newest first, so reading a window that holds n
of them costs `max(1, ceil(n / 100))` requests; how many it holds is known from the stored rows.
The due sessions' seconds are cut into clusters of neighbours, each read as one window from its
first due second to its last, so that the sum of these costs is the least possible. The newest
window is read in any case and takes part as one more second to reach: where that is cheaper, it is
widened down over the due seconds before it. How many sessions are new in it isn't known; none is
assumed, since `ceil((n + new) / 100)` is never more than the two windows would cost apart.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.state import State
from pipelines.stripe_api import PAGE_SIZE
from pipelines.windows import NO_END, Window, newest_part, subtract

FRESH_S = 25 * 3600
"""Age after which a complete session gets its last look, in seconds."""
UNKNOWN_PAGES = 1
"""Page budget where the density is unknown: one page tells it."""
BUDGET_PAGES = 16
"""Page budget where it is known: what is held in memory and committed at a time."""
LEAST_SHARE_PAGES = 2
"""Pages below which a share of a window isn't worth the page at its end, which isn't full."""
LAST_SHARE_PAGES = 0.8
"""The same when so little is left that all of it can be asked for at once."""
CUTS_A_PAGE = 0.05
"""How often windows are cut at the most, by the pages of a run: each cut costs half a page."""
CUTS_A_FETCHER, CUTS_OF_FEW = 0.5, 0.3
"""How often besides, since all want something to do: by the fetchers, and by the pages if few."""
UNSEEN_PAGES = 100
"""Pages that a window counts for at the most where nobody knows how far its sessions go back."""
GROW_FROM, GROW = 6, 3
"""Pages in the newest part of a window whose sessions may end anywhere, and how many times as many
each older part has."""
PROBED_PAGES = 12
"""Pages above which such a window is looked at in a few places first, not shared at once."""


@dataclass(frozen=True, slots=True)
class Due:
    """A `created` second that must be read again.

    Attributes:
        second: the second.
        before: stored sessions older than it, counted from any fixed point.
        through: the same up to its end.
    """

    second: int
    before: int
    through: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One window to read.

    Attributes:
        window: its seconds.
        budget: after how many pages to hand back what is left of it.
        whole: whether its size is known, so that it is never cut for idle fetchers.
        per_second: sessions a second that it is believed to have, 0 if nobody knows.
    """

    window: Window
    budget: int = UNKNOWN_PAGES
    whole: bool = False
    per_second: float = 0.0


def holes(start: int, coverage: Sequence[Window]) -> list[Window]:
    """Return what of `(start - 1, now]` isn't covered, newest first.

    The first has no end, since now isn't known before the API was asked.
    """
    return subtract(Window(start - 1, NO_END), coverage)[::-1]


def is_due(created: int, read_at: int, reason: str, now: int, ratio: float) -> bool:
    """Whether an unsettled session must be read again now.

    Args:
        created: its second.
        read_at: when it was last read.
        reason: `open`, `unpaid`, `fresh` or `partial`.
        now: API time.
        ratio: share of its age that may pass between two looks at an unpaid one; with 0
            everything unsettled is due.
    """
    if reason in ("open", "partial") or ratio == 0:
        return True
    last_look = read_at < created + FRESH_S <= now
    return last_look or (reason == "unpaid" and now - read_at >= ratio * (now - created))


def newest(state: State, start: int, ratio: float) -> Piece:
    """Return the newest window, widened down over due seconds before it where that is cheaper.

    Args:
        state: what is known of the account.
        start: the first second that a sync reads.
        ratio: as for `is_due`.
    """
    hole = holes(start, state.coverage)[0]
    if not state.coverage or state.coverage[-1].until != hole.after:
        return Piece(hole)
    dues = _dues(state, ratio, state.api_time, below=hole.after)
    return rereads(dues, state.coverage, Due(hole.until, state.stored, state.stored))[0]


def rest(state: State, start: int, ratio: float, newest: Window, now: int) -> Iterator[Piece]:
    """Return what a sync reads besides the newest window: what is due, then the holes.

    Args:
        state: as for `newest`.
        start: as there.
        ratio: as there.
        newest: the newest window as it was read.
        now: API time of that read.
    """
    dues = _dues(state, ratio, now, below=newest.after)
    yield from rereads(dues, _readable(state, start, dues))
    yield from (Piece(hole) for hole in holes(start, state.coverage)[1:])


def rereads(
    dues: Sequence[Due], coverage: Iterable[Window], newest: Due | None = None
) -> list[Piece]:
    """Return the windows that read the due seconds with the fewest requests, newest first.

    Seconds outside the coverage are left out: the windows that read the holes hold them.

    Args:
        dues: the seconds, ascending.
        coverage: the covered windows; no returned window reaches over a hole between them.
        newest: the newest window, as a due second at `NO_END`; the first piece then is the newest
            window, widened or not, and begins at its newest covered second if it isn't.
    """
    pieces: list[Piece] = []
    windows = sorted(coverage)
    for position, cover in enumerate(windows):
        inside = [due for due in dues if due.second in cover]
        if newest is not None and position == len(windows) - 1:
            inside.append(newest)
        for first, end in _clusters(inside):
            pieces += _parts(inside[first:end], cover)
    return pieces[::-1]


def probes(rest: Window, per_second: float) -> list[Piece]:
    """Return parts of a window of which nobody knows how far its sessions go back, newest first.

    Each is longer than the one before, so that few are empty; a page of each tells. What was seen
    above isn't believed of them: a shop that grew had a hundredth of it.

    Args:
        rest: the window.
        per_second: sessions a second that were seen just above it.
    """
    pieces: list[Piece] = []
    pages = float(GROW_FROM)
    older: Window | None = rest
    while older is not None:
        part, older = newest_part(older, per_second, pages * PAGE_SIZE)
        pieces.append(Piece(part))
        pages *= GROW
    return pieces


def most_cuts(pages: float, width: int) -> int:
    """Return how often windows may be cut in a run.

    Args:
        pages: how many it has.
        width: how many are read side by side.
    """
    return round(CUTS_A_PAGE * pages + min(CUTS_A_FETCHER * width, CUTS_OF_FEW * pages))


def shares(spare: Sequence[float], idle: int, width: int) -> list[int]:
    """Return for each fetch under way how many of the idle fetchers get a share of it.

    Each in turn goes to where the shares are largest, so that all are done at the same time. None
    is given where a share wouldn't be worth its last page.

    Args:
        spare: pages to come of each, besides the one that it asked for.
        idle: how many fetchers have nothing to do.
        width: how many there are.
    """
    given = [0] * len(spare)
    all_at_once = sum(spare) <= width
    for _ in range(idle if spare else 0):
        most = max(range(len(spare)), key=lambda n: spare[n] / (given[n] + 1))
        if all_at_once:
            worth_it = spare[most] / (given[most] + 1) >= LAST_SHARE_PAGES
        else:
            worth_it = spare[most] / (given[most] + 2) >= LEAST_SHARE_PAGES
        if not worth_it:
            break
        given[most] += 1
    return given


def _dues(state: State, ratio: float, now: int, below: int) -> list[Due]:
    """Return the seconds up to `below` that hold a session due at `now`, ascending."""
    dues = {
        Due(u.created, u.before, u.through)
        for u in state.unsettled
        if u.created <= below and is_due(u.created, u.read_at, u.reason, now, ratio)
    }
    return sorted(dues, key=lambda due: due.second)


def _readable(state: State, start: int, dues: Sequence[Due]) -> list[Window]:
    """Return the coverage, and what isn't covered from the first due second to `start`.

    That date may have been moved to behind sessions that no complete window has held yet.
    """
    coverage = [*state.coverage]
    if dues and dues[0].second < start:
        coverage += subtract(Window(dues[0].second - 1, start - 1), coverage)
    return coverage


def _clusters(dues: Sequence[Due]) -> list[tuple[int, int]]:
    """Cut the seconds into the cheapest clusters, as index ranges; exact, in O(n log n).

    Let `reach[k]` be how many of the seconds the best k requests can hold. The last cluster
    begins after some `reach[m]` and pays k - m pages, so it holds what lies up to the rank
    `before(reach[m]) + 100 (k - m)`. So the largest `before(reach[m]) - 100 m` of all m < k
    decides alone, and a search finds where that cluster ends.
    """
    if not dues:
        return []
    through = [due.through for due in dues]
    reach = [0]
    came_from = [0]
    best, best_rank = 0, dues[0].before
    while reach[-1] < len(dues):
        k = len(reach)
        reach.append(max(reach[-1], bisect_right(through, best_rank + PAGE_SIZE * k)))
        came_from.append(best)
        if reach[k] < len(dues) and dues[reach[k]].before - PAGE_SIZE * k >= best_rank:
            best, best_rank = k, dues[reach[k]].before - PAGE_SIZE * k
    clusters = []
    k = len(reach) - 1
    while k:
        clusters.append((reach[came_from[k]], reach[k]))
        k = came_from[k]
    return clusters[::-1]


def _parts(cluster: Sequence[Due], cover: Window) -> list[Piece]:
    """Cut a cluster of many pages into parts that are read side by side, oldest first."""
    pieces = []
    first = 0
    for position, due in enumerate(cluster):
        last = position == len(cluster) - 1
        if last or cluster[position + 1].through - cluster[first].before > BUDGET_PAGES * PAGE_SIZE:
            begin = cover.until if cluster[first].second == NO_END else cluster[first].second - 1
            held = due.through - cluster[first].before
            # One page more than it holds, in case it has grown a little.
            budget = math.ceil(held / PAGE_SIZE) + 1
            pieces.append(Piece(Window(begin, due.second), budget, whole=due.second != NO_END))
            first = position + 1
    return pieces
