"""The environment of tests that run commands: one key, no settings of the developer's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import KEY


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
