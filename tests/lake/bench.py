"""`python -m tests.lake.bench`: a lake beside a file, and accounts a minute by workers."""

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

from tests.lake.postgres import Postgres, make_database
from tests.prefect_server import prefect_server

SESSIONS, SMALL, ACCOUNTS = 20_000, 200, 24
LATENCY_MS = 300
KEY = "sk_test_bench"


@contextmanager
def emulator(*options: str) -> Iterator[str]:
    """Run an emulator in a process of its own and give its address."""
    command = [sys.executable, "-m", "pipelines", "emulator", "--port", "0", "--frozen", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1].rstrip(",")
        try:
            yield url
        finally:
            process.terminate()


def configure(folder: Path, url: str, warehouse: dict[str, str], **sections: Any) -> None:
    """Write a config.yaml."""
    stripe = {"base_url": url, "requests_per_second": 1_000, "line_items": False}
    tree = {"stripe": stripe, "warehouse": warehouse, **sections}
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(json.dumps(tree), encoding="utf-8")


def sync(folder: Path) -> tuple[float, float]:
    """Sync in a process of its own: seconds by the clock, and of CPU."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "pipelines", "sync", "--json"]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def load_cost(server: Postgres, base: Path) -> None:
    """A first load, and a sync that finds next to nothing, into a file and into a lake."""
    with emulator("--sessions", str(SESSIONS), "--days", "90") as url:
        lake = {"path": make_database(server.port, "load"), "data_path": "data"}
        for name, warehouse in (("file", {"path": "shop.duckdb"}), ("lake", lake)):
            configure(base / name, url, warehouse)
            for what in (f"first load of {SESSIONS:,}", "sync again"):
                wall, cpu = sync(base / name)
                print(f"{name}: {what}: {wall:.1f} s, CPU {cpu:.1f} s", flush=True)


def throughput(server: Postgres, base: Path) -> None:
    """Accounts a minute, each new and small, so that the API's latency is what they cost."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 -- an extra

    from pipelines import cluster, config  # noqa: PLC0415 -- imports Prefect, which reads its URL
    from pipelines.jobs import Job  # noqa: PLC0415 -- likewise

    accounts = [{"name": f"shop{n}", "key_env": f"KEY_{n}"} for n in range(ACCOUNTS)]
    options = ("--sessions", str(SMALL), "--days", "30", "--latency-ms", str(LATENCY_MS))
    with emulator(*options) as url:
        for workers in (1, 2, 4):
            lake = {"path": make_database(server.port, f"w{workers}"), "data_path": "data"}
            with LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            ) as dask:
                with Client(dask) as client:
                    client.wait_for_workers(workers)
                    client.run(_warm_up)
                run = {"task_runner": "dask", "dask_address": dask.scheduler_address}
                folder = base / f"workers{workers}"
                configure(folder, url, lake, accounts=accounts, run=run)
                settings = config.load(folder / "config.yaml")
                began = time.perf_counter()
                reports = cluster.side_by_side(settings, settings.chosen(), Job())
                wall = time.perf_counter() - began
            assert all(report.outcome == "completed" for report in reports)
            print(f"{workers} workers: {ACCOUNTS / wall * 60:.0f} accounts a minute", flush=True)


def _warm_up() -> None:
    import pipelines.cluster  # noqa: F401, PLC0415 -- what a worker imports once


def main() -> None:
    """Measure and print."""
    os.environ["STRIPE_API_KEY"] = KEY
    os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
    os.environ |= {f"KEY_{n}": f"{KEY}_{n}" for n in range(ACCOUNTS)}
    server = Postgres()
    try:
        with tempfile.TemporaryDirectory() as name:
            base = Path(name)
            load_cost(server, base)
            (base / "prefect").mkdir()
            with prefect_server(base / "prefect") as url:
                os.environ["PREFECT_API_URL"] = url
                throughput(server, base)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
