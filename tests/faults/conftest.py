"""Emulators whose clock stands still, and installations to be mistreated."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from environment import clean_environment, elsewhere
from mistreated import NOW, Place

from pipelines.emulator.app import Options, Running, running

__all__ = ["clean_environment", "elsewhere"]


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
