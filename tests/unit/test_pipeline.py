"""Windows fetched side by side and loaded: what happens when one of them goes wrong."""

from collections.abc import Sequence

import pytest

from pipelines.batches import Batch
from pipelines.budget import Budget
from pipelines.errors import CheckoutsError, TransientSourceError, WarehouseError
from pipelines.fetch import Fetched
from pipelines.pipeline import Pipeline
from pipelines.planner import Piece
from pipelines.schema import SESSIONS
from pipelines.windows import Window

WINDOWS = [Window(10 * n, 10 * (n + 1)) for n in range(40)]
FULL = 80
"""Pages after which a load is due at once."""


def brought(window: Window, rest: Window | None = None) -> Fetched:
    """What a fetch of many pages without sessions brings."""
    read = Window(rest.until if rest else window.after, window.until)
    return Fetched(
        read=read,
        rest=rest,
        final=read,
        batch=Batch(SESSIONS.rows.empty_table()),
        api_time=0,
        pages=FULL,
        per_second=0.0,
        livemode=None,
    )


class Loads:
    """Notes what is loaded, and what was still to come then; one of the loads may fail."""

    def __init__(self, fails_at: int = 0) -> None:
        self.loaded: list[Window] = []
        self.pending: list[Sequence[Window]] = []
        self._fails_at = fails_at

    def __call__(self, fetched: Sequence[Fetched], pending: Sequence[Window]) -> None:
        self.pending.append(pending)
        if len(self.pending) == self._fails_at:
            raise WarehouseError("the disk is full")
        self.loaded += [one.read for one in fetched]


def run(loads: Loads, fetch: object, error: type[CheckoutsError]) -> None:
    """Run all windows, which must fail."""
    pipeline = Pipeline(fetch=fetch, load=loads, stop=lambda: None, width=lambda: 4)  # type: ignore[arg-type]
    with pytest.raises(error):
        pipeline.run([Piece(window) for window in WINDOWS])


def test_after_a_load_that_failed_nothing_more_is_loaded() -> None:
    loads = Loads(fails_at=3)
    run(loads, lambda window, _: brought(window), WarehouseError)
    assert len(loads.pending) == 3
    assert len(loads.loaded) == 2


@pytest.mark.parametrize("failing", [WINDOWS[0], WINDOWS[-1]])
def test_a_window_that_failed_is_still_to_come_at_every_load(failing: Window) -> None:
    def fetch(window: Window, _: Budget) -> Fetched:
        if window == failing:
            raise TransientSourceError("the API answered 500")
        return brought(window)

    loads = Loads()
    run(loads, fetch, TransientSourceError)
    assert all(failing in pending for pending in loads.pending)
    assert failing not in loads.loaded


def test_the_rest_of_a_window_read_in_part_is_still_to_come_after_a_failure() -> None:
    def fetch(window: Window, _: Budget) -> Fetched:
        if window == WINDOWS[-1]:
            raise TransientSourceError("the API answered 500")
        return brought(window, Window(window.after, window.until - 1))

    loads = Loads()
    run(loads, fetch, TransientSourceError)
    for window in loads.loaded:
        assert any(pending.until == window.after for pending in loads.pending[-1])
