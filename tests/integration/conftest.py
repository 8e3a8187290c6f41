"""Real emulators, real files, real processes; what tests only read is made once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from environment import clean_environment, elsewhere
from installation import NOW, Installation

from pipelines.emulator.app import Options, Running, running

__all__ = ["clean_environment", "elsewhere"]


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts emulators of a test's own; the clock stands still unless told otherwise."""
    with ExitStack() as stack:

        def run(**options: Any) -> Running:
            given = {"sessions": 1_000, "days": 10, "now": NOW, "frozen": True} | options
            return stack.enter_context(running(Options(**given)))

        yield run


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Installation]:
    """Makes an installation of a test's own: a folder with a config.yaml."""

    def make(url: str, name: str = "place", **settings: Any) -> Installation:
        return Installation(tmp_path / name, url, **settings)

    return make


@pytest.fixture(scope="session")
def shop() -> Iterator[Running]:
    """A shop of 1,500 sessions in 30 days whose clock stands still; tests only read from it."""
    with running(Options(sessions=1_500, days=30, now=NOW, frozen=True)) as started:
        yield started


@pytest.fixture(scope="session")
def loaded(shop: Running, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that has the shop; tests only read from it."""
    place = Installation(tmp_path_factory.mktemp("loaded"), shop.url)
    report = place.sync()
    assert report.outcome == "completed"
    return place
