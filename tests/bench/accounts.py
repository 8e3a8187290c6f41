"""How long many accounts take side by side, beside the slowest of them alone."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.processes import Measured, emulator, run

ACCOUNTS = 20
RATE = 2
"""Requests a second that each account may send."""


def side_by_side(sessions: int, place: Path) -> tuple[float, float]:
    """Return what all accounts take together, and the slowest of them alone, in seconds.

    The last but one has a key that the API doesn't accept.
    """
    with emulator(sessions, "--days", 90, "--accounts", ACCOUNTS) as api:
        together = _sync(api.url, place / "together", [])
        slowest = max(together.report["accounts"], key=lambda each: each["requests"])
        alone = _sync(api.url, place / "alone", [slowest["account"]])
    assert together.report["outcome"] == "failed", "a revoked key went unnoticed"
    told = together.report["accounts"]
    complete = [each for each in told if each["outcome"] == "completed"]
    assert len(complete) == ACCOUNTS - 1, [each["outcome"] for each in told]
    assert {each["inserted"] for each in complete} == {sessions}
    return together.wall_s, alone.wall_s


def _sync(url: str, place: Path, chosen: Sequence[str]) -> Measured:
    place.mkdir()
    names = [f"shop{n}" for n in range(1, ACCOUNTS + 1)]
    accounts = [
        {"name": name, "key_env": f"KEY_{n}", "requests_per_second": RATE}
        for n, name in enumerate(names, 1)
    ]
    settings = {"stripe": {"base_url": url}, "accounts": accounts}
    (place / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
    keys = {f"KEY_{n}": f"sk_test_{n}" for n in range(1, ACCOUNTS + 1)}
    keys[f"KEY_{ACCOUNTS - 1}"] = "sk_test_revoked"
    named = [option for name in chosen for option in ("--account", name)]
    command = [sys.executable, "-m", "pipelines", "sync", "--json", *named]
    return run(command, place, keys, codes=(0, 3))
