"""What the tests of faults share: what must hold whatever happens."""

import time
from collections.abc import Callable

from truth_shop import KEY, NOW, Place, assert_coverage_is_sane, assert_history_is_a_chain, meant

__all__ = [
    "KEY",
    "NOW",
    "Place",
    "assert_one_line",
    "assert_whole_windows",
    "one_line",
    "wait_until",
]


def assert_whole_windows(place: Place, api: dict[str, str], now: float) -> None:
    """What is covered is stored whole, and nothing is stored that the API never showed.

    Args:
        place: the installation; a file that isn't there or is still empty holds nothing.
        api: the API's sessions by id, as it shows them now.
        now: the API's time.
    """
    if not place.warehouse.exists() or not place.rows("select 1 from duckdb_tables()"):
        return
    coverage = place.coverage()
    assert_coverage_is_sane(place, now)
    stored = place.stored()
    assert stored.keys() <= api.keys()
    for id_, text in api.items():
        created = meant(text)["created"]
        if any(after < created <= until for after, until in coverage):
            assert id_ in stored
    assert_history_is_a_chain(place)


def assert_one_line(message: str) -> None:
    """A failure's message is one line, without a key, a payload or a traceback."""
    assert message == " ".join(message.split())
    assert 20 < len(message) < 500
    for what in (KEY, "Traceback", "customer_details", "@", "{"):
        assert what not in message


def one_line(err: str) -> str:
    """The single line that a failed command puts on stderr."""
    (line,) = err.splitlines()
    assert line.startswith("checkouts: ")
    assert_one_line(line)
    return line


def wait_until(so: Callable[[], bool]) -> None:
    """Wait until something is so, which a broken program may never make so."""
    for _ in range(3_000):
        if so():
            return
        time.sleep(0.01)
    raise AssertionError("it never comes to that")
