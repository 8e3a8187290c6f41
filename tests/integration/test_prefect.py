"""The same runs as Prefect flow runs, against a running server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from comparison import assert_equal
from installation import DAY_S, KEY, NOW, REPORT_KEYS, Installation, one_line

from pipelines.emulator.app import Running

pytestmark = pytest.mark.slow

Start = Callable[..., Running]
Install = Callable[..., Installation]

QUIET = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
READY_WITHIN_S = 120


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Prefect:
    """A running server, and what a command needs to find it."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.environ: dict[str, str | None] = {
            **QUIET,
            "PREFECT_API_URL": url,
            "PREFECT_HOME": str(home),
        }

    def asked(self, path: str, **body: Any) -> Any:
        """Ask its API."""
        response = httpx.post(f"{self.url}/{path}", json=body, trust_env=False, timeout=30)
        return response.raise_for_status().json()

    def newest_flow_run(self) -> dict[str, Any]:
        """The flow run that was started last."""
        (run, *_) = self.asked("flow_runs/filter", sort="START_TIME_DESC", limit=1)
        assert isinstance(run, dict)
        return run

    def task_runs(self, flow_run: dict[str, Any]) -> list[dict[str, Any]]:
        """The task runs of a flow run; they arrive a moment after it."""
        deadline = time.monotonic() + 30
        found: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            found = self.asked(
                "task_runs/filter", flow_runs={"id": {"any_": [flow_run["id"]]}}, limit=200
            )
            if found and all(run["state_type"] in ("COMPLETED", "FAILED") for run in found):
                return found
            time.sleep(0.2)
        return found


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """One Prefect server for all tests here."""
    home = tmp_path_factory.mktemp("prefect")
    port = free_port()
    environ = {**os.environ, **QUIET, "PREFECT_HOME": str(home)}
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)],
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}/api"
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and server.poll() is None:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success:
                    break
            time.sleep(0.25)
        else:
            pytest.fail(f"Prefect's server didn't start: {(home / 'server.log').read_text()}")
        yield Prefect(url, home)
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_a_sync_as_a_flow_run_gives_the_same_warehouse_and_its_tasks_are_visible(
    prefect: Prefect, start: Start, install: Install
) -> None:
    emulator = start(sessions=900, days=20)
    place = install(emulator.url)
    done = place.run("sync", "--prefect", "--json", **prefect.environ)
    assert (done.code, done.err) == (0, "")
    assert done.object.keys() == REPORT_KEYS
    assert done.object["inserted"] == 900
    assert_equal(place, emulator)
    run = prefect.newest_flow_run()
    assert run["state_type"] == "COMPLETED"
    assert run["state_name"] == "Completed"
    tasks = prefect.task_runs(run)
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}
    assert len(tasks) == done.object["windows"]
    assert all("→" in task["name"] for task in tasks)


def test_a_backfill_as_a_flow_run_reads_its_range(
    prefect: Prefect, start: Start, install: Install
) -> None:
    emulator = start(sessions=400, days=20)
    place = install(emulator.url)
    done = place.run(
        "backfill", "--from", "2026-09-10", "--to", "2026-09-12", "--prefect", **prefect.environ
    )
    assert (done.code, done.err) == (0, "")
    first = 1_788_998_400
    assert place.coverage() == [(first - 1, first + 2 * DAY_S - 1)]
    inside = sum(first <= s["created"] < first + 2 * DAY_S for s in emulator.sessions())
    assert place.value("select count(*) from checkout_sessions") == inside
    run = prefect.newest_flow_run()
    assert run["state_type"] == "COMPLETED"
    assert run["parameters"]["missing"] is False
    assert first < NOW


def test_a_flow_run_that_fails_says_why_in_one_line(
    prefect: Prefect, start: Start, install: Install
) -> None:
    emulator = start(sessions=50, keys=("sk_test_valid",))
    place = install(emulator.url)
    done = place.run("sync", "--prefect", "--json", **prefect.environ)
    assert done.code == 3
    assert "401" in one_line(done.err)
    assert done.object["error"]["type"] == "SourceAuthError"
    run = prefect.newest_flow_run()
    assert run["state_type"] == "FAILED"
    message = run["state"]["message"]
    assert "401" in message
    assert len(message.splitlines()) == 1
    assert KEY not in message
    assert not place.warehouse.exists()


def test_wrong_uses_with_prefect_are_refused_alike(
    prefect: Prefect, shop: Running, install: Install
) -> None:
    place = install(shop.url)
    done = place.run("sync", "--prefect", **{**prefect.environ, "STRIPE_API_KEY": None})
    assert done.code == 2
    one_line(done.err)


def test_nothing_that_prefect_keeps_holds_the_key_or_a_session(
    prefect: Prefect, start: Start, install: Install
) -> None:
    emulator = start(sessions=150, keys=(KEY,))
    place = install(emulator.url)
    assert place.run("sync", "--prefect", **prefect.environ).code == 0
    emulator.fault("html=1")
    assert place.run("sync", "--prefect", **prefect.environ).code == 3
    run = prefect.newest_flow_run()
    prefect.task_runs(run)  # which come last
    home = Path(str(prefect.environ["PREFECT_HOME"]))
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in kept)
    for path in kept:
        content = path.read_bytes()
        for what in (KEY, "cs_test_", "customer_details"):
            assert what.encode() not in content, (path, what)
    assert prefect.asked("artifacts/filter") == []
    assert run["parameters"].keys() == {"accounts", "config_file"}


def test_a_prefect_api_that_does_not_answer_is_named(shop: Running, install: Install) -> None:
    place = install(shop.url)
    address = f"http://127.0.0.1:{free_port()}/api"
    home = str(place.folder / "prefect")
    for command in (("sync",), ("backfill", "--from", "2026-09-10", "--to", "2026-09-12")):
        done = place.run(*command, "--prefect", PREFECT_API_URL=address, PREFECT_HOME=home, **QUIET)
        assert done.code == 2
        assert address in one_line(done.err)
        assert not place.warehouse.exists()
