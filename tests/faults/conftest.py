"""Emulators whose clock stands still, and installations to be mistreated."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from environment import clean_environment, elsewhere
from mistreated import NOW, Place
from readme_table import table

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


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes what happened in a test that is marked with what it tries; the README says the same."""
    (what,) = request.node.get_closest_marker("tried").args

    def happened(words: str) -> None:
        request.node.user_properties.append(("tried", [what, words]))
        if not request.config.getoption("write_tried"):
            assert table()[what] == words

    return happened
