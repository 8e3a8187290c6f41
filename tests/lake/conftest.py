"""A PostgreSQL server, emulators and installations; without the lake's packages there are none."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from truth_shop import KEY, NOW, Place

from pipelines.emulator.app import Options, Running, running
from tests.lake.postgres import VARIABLE, Postgres

# `make test-lake` runs these, in an environment of their own.
collect_ignore_glob = [] if VARIABLE in os.environ else ["test_*.py"]


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting or key of the developer's own reaches a test; every process gets the same key."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("CHECKOUTS_", "STRIPE_", "PREFECT_", "PG", "AWS_", "DUCKDB_")):
                patch.delenv(name)
        patch.setenv("STRIPE_API_KEY", KEY)
        yield


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run outside the repository, whose config.yaml would else be found."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL server of a test's own, which it may restart."""
    started = Postgres()
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts emulators of a test's own; the clock stands still unless told otherwise."""
    with ExitStack() as stack:

        def run(**options: Any) -> Running:
            given = {"sessions": 600, "days": 40, "now": NOW, "frozen": True} | options
            return stack.enter_context(running(Options(**given)))

        yield run


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., Place]:
    """Makes an installation of a test's own: a folder with a config.yaml, and a lake."""

    def make(url: str, name: str = "place", **settings: Any) -> Place:
        return Place(tmp_path / name, url, **settings)

    return make
