"""Thousands of syncs in one process, under live change and faults: nothing may grow."""

import os
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from pipelines import config, runs
from pipelines.pipeline import Options
from pipelines.settings import Settings
from pipelines.stripe_api import Patience

SYNCS = 5_000
STEP_S = 300
"""How far the shop's clock goes between two syncs, in seconds."""
SESSIONS = 3_000
SHOP = ("--days", "30", "--days-ahead", "30")
FAULTS = ("--fault", "500=0.03", "--fault", "reset=0.02", "--fault", "cut=0.02")
HASTY = Options(patience=Patience(timeout_s=10, first_backoff_s=0.01))


@dataclass(frozen=True)
class Measured:
    """What one sync took and what the process held after it; sizes in bytes."""

    seconds: float
    memory: int
    files: int
    threads: int


def soak(url: str, syncs: int = SYNCS) -> list[dict[str, Any]]:
    """Sync again and again and return the table's rows: the end of the run against its start."""
    os.environ["STRIPE_API_KEY"] = "sk_test_bench"
    with tempfile.TemporaryDirectory() as name:
        settings = _settings(url, Path(name) / "soak.duckdb")
        measured, failed = [], 0
        for _ in range(syncs):
            began = time.perf_counter()
            report = runs.sync(settings, settings.chosen()[0], HASTY)
            measured.append(_now(time.perf_counter() - began))
            failed += report.error is not None
            httpx.post(f"{url}/_emulator/advance", params={"seconds": STEP_S})
        fresh = _settings(url, Path(name) / "fresh.duckdb")
        while runs.sync(fresh, fresh.chosen()[0], HASTY).error is not None:
            pass
        grown = settings.warehouse.path.stat().st_size / fresh.warehouse.path.stat().st_size
    part = len(measured) // 4
    first, last = measured[part : 2 * part], measured[-part:]
    what = f"{syncs:,} syncs with faults, end against start"
    return [
        _ratio(f"{what}: seconds a sync", first, last, "seconds", 1.5),
        _ratio(f"{what}: memory", first, last, "memory", 1.2),
        _ratio(f"{what}: open files", first, last, "files", 1.1),
        _ratio(f"{what}: threads", first, last, "threads", 1.1),
        {"what": f"{what}: file against a fresh load", "value": round(grown, 2), "limit": 3},
        {"what": f"{what}: syncs that failed", "value": failed, "limit": None},
    ]


def _settings(url: str, path: Path) -> Settings:
    return config.load(
        None,
        {
            "CHECKOUTS_STRIPE__BASE_URL": url,
            "CHECKOUTS_STRIPE__REQUESTS_PER_SECOND": "1000",
            "CHECKOUTS_WAREHOUSE__PATH": str(path),
        },
    )


def _now(seconds: float) -> Measured:
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    files = len([*Path("/proc/self/fd").iterdir()])
    return Measured(seconds, memory, files, threading.active_count())


def _ratio(
    what: str, first: list[Measured], last: list[Measured], name: str, limit: float
) -> dict[str, Any]:
    start, end = (statistics.median(getattr(m, name) for m in part) for part in (first, last))
    return {"what": what, "value": round(end / start, 2), "limit": limit}
