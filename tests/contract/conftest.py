"""Emulators over real sockets, and the clients that talk to them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from emulator_fixture import KEY, NOW, official

from pipelines.emulator.app import Options, Running, running


@pytest.fixture(scope="session")
def emulator() -> Iterator[Running]:
    """A shop of 400 sessions whose clock stands still; tests only read from it."""
    with running(Options(sessions=400, days=20, now=NOW, frozen=True)) as started:
        yield started


@pytest.fixture(scope="session")
def sessions(emulator: Running) -> list[dict[str, Any]]:
    """All its sessions, newest first."""
    return emulator.sessions()


@pytest.fixture(scope="session")
def http(emulator: Running) -> Iterator[httpx.Client]:
    """A plain HTTP client for what the official one can't send."""
    with httpx.Client(base_url=emulator.url, auth=(KEY, "")) as client:
        yield client


@pytest.fixture(scope="session")
def client(emulator: Running) -> stripe.StripeClient:
    """The official client."""
    return official(emulator.url)


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts emulators of a test's own, with a clock that stands still unless told otherwise."""
    with ExitStack() as stack:

        def run(**options: Any) -> Running:
            defaults = {"sessions": 200, "days": 10, "now": NOW, "frozen": True}
            return stack.enter_context(running(Options(**(defaults | options))))

        yield run


@pytest.fixture
def start_with(start: Callable[..., Running], tmp_path: Path) -> Callable[..., Running]:
    """Starts an emulator that serves these sessions from a file."""

    def run(sessions: list[Any], **options: Any) -> Running:
        path = tmp_path / "sessions.ndjson"
        path.write_text("".join(json.dumps(session) + "\n" for session in sessions))
        return start(load=path, **options)

    return run
