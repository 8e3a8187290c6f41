"""`make bench`: how fast and how frugal a load is, beside what limits it, in one run.

Each figure is measured in a process of its own against an emulator in another, and printed with
its limit; ratios are what counts, since machines differ. Writes the same to `bench.json`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.bench import marts, soak

SESSIONS, DAYS = 100_000, 90
LATENCY_MS = 300
PAGE = 100
ROOT = Path(__file__).parents[2]


@contextmanager
def emulator(*options: str) -> Iterator[str]:
    """Run an emulator in a process of its own and give its address."""
    command = [sys.executable, "-m", "pipelines", "emulator", "--port", "0", "--frozen", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1].rstrip(",")
        try:
            yield url
        finally:
            process.terminate()


def sync(url: str, folder: Path, **settings: object) -> dict[str, Any]:
    """Run a sync in a process of its own: its report, with CPU and peak memory."""
    environ = os.environ | {
        "STRIPE_API_KEY": "sk_test_bench",
        "CHECKOUTS_STRIPE__BASE_URL": url,
        "CHECKOUTS_WAREHOUSE__PATH": str(folder / "bench.duckdb"),
    }
    environ |= {f"CHECKOUTS_STRIPE__{name.upper()}": str(value) for name, value in settings.items()}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-m", "pipelines", "sync", "--json"]
    done = subprocess.run(
        command, env=environ, stdout=subprocess.PIPE, text=True, cwd=folder, check=True
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report: dict[str, Any] = json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return report | {"wall_s": wall, "cpu_s": cpu, "peak_mb": after.ru_maxrss / 1024}


def api_bound(rate: int) -> list[dict[str, Any]]:
    """A first load that the pace limits, against the fewest requests and the least time."""
    options = ("--sessions", str(SESSIONS), "--days", str(DAYS), "--latency-ms", str(LATENCY_MS))
    with emulator(*options) as url, tempfile.TemporaryDirectory() as name:
        run = sync(url, Path(name), requests_per_second=rate, line_items=False)
        again = sync(url, Path(name), requests_per_second=rate, line_items=False)
        httpx.post(f"{url}/_emulator/advance", params={"seconds": 80 * 86_400})
        sync(url, Path(name), requests_per_second=rate, line_items=False)
        rest = sync(url, Path(name), requests_per_second=rate, line_items=False)
    pages = SESSIONS / PAGE
    what = f"first load of {SESSIONS:,}, {rate} requests/s, {LATENCY_MS} ms"
    return [
        figure(f"{what}: seconds", run["wall_s"], 1.05 * pages / rate + 2),
        figure(f"{what}: requests", run["requests"], 1.03 * pages + 16),
        figure(f"{what}: CPU µs a session", run["cpu_s"] / SESSIONS * 1e6, 150),
        figure(f"{what}: peak MB", run["peak_mb"], 500),
        figure("sync again, open sessions due: requests", again["requests"], None),
        figure("sync of a shop at rest: requests", rest["requests"], 1),
        figure("sync of a shop at rest: seconds from process start", rest["wall_s"], 1.5),
    ]


def large_marts() -> list[dict[str, Any]]:
    """How long each mart takes on a million sessions with their line items."""
    with emulator("--sessions", str(marts.BASE), "--days", str(marts.DAYS)) as url:
        return marts.figures(lambda folder: sync(url, folder, requests_per_second=1_000), figure)


def figure(what: str, value: float, limit: float | None) -> dict[str, Any]:
    """Return one row of the table."""
    return {"what": what, "value": round(value, 2), "limit": limit and round(limit, 2)}


def main() -> None:
    """Measure, print, write."""
    rows = [row for rate in (25, 100) for row in api_bound(rate)] + large_marts()
    with emulator(*soak.SHOP, *soak.FAULTS) as url:
        rows += soak.soak(url)
    width = max(len(row["what"]) for row in rows)
    for row in rows:
        limit = "" if row["limit"] is None else f"limit {row['limit']:>10,.2f}"
        print(f"{row['what']:<{width}} {row['value']:>10,.2f}  {limit}")
    (ROOT / "bench.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
