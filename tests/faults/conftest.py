"""Emulators whose clock stands still, and installations to be mistreated."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from mistreated import KEY, NOW, Place

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
            given = {"sessions": 250, "days": 5, "now": NOW, "frozen": True} | options
            return stack.enter_context(running(Options(**given)))

        yield run


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Place]:
    """Makes an installation of a test's own: a folder with a config.yaml."""

    def make(url: str = "http://127.0.0.1:9", name: str = "place", **settings: Any) -> Place:
        return Place(tmp_path / name, url, **settings)

    return make
