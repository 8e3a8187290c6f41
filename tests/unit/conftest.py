"""What the unit tests share: hypothesis without a deadline, and a world without waiting."""

import threading
from types import SimpleNamespace

import pytest
from canned import World
from hypothesis import settings

from pipelines import stripe_api

# Two cores are busy at times.
settings.register_profile("unit", deadline=None, max_examples=100)
settings.load_profile("unit")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world in which the client under test waits without any time going by."""
    made = World()

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if not self.is_set():
                made.waits.append(timeout or 0.0)
                made.now += timeout or 0.0
            return self.is_set()

    monkeypatch.setattr(stripe_api, "time", SimpleNamespace(monotonic=lambda: made.now))
    threads = SimpleNamespace(Event=Event, Lock=threading.Lock)
    monkeypatch.setattr(stripe_api, "threading", threads)
    return made
