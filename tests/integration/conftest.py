"""Real emulators, real files, real processes; what tests only read is made once."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from installation import KEY, NOW, Installation

from pipelines.emulator.app import Options, Running, running


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting or key of the developer's own reaches a test; every process gets the same key."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("CHECKOUTS_", "STRIPE_", "PREFECT_")):
                patch.delenv(name)
        patch.setenv("STRIPE_API_KEY", KEY)
        yield


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run outside the repository, whose config.yaml would else be found."""
    monkeypatch.chdir(tmp_path)


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
