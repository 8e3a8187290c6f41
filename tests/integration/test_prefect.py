"""Runs as Prefect flow runs, by command, by schedule and by its API, against a running server."""

import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import yaml
from comparison import assert_equal
from installation import DAY_S, HOUR_S, KEY, NOW, REPORT_KEYS, Installation, finish, one_line
from prefect_api import Prefect

from pipelines.emulator.app import Options, Running, running
from pipelines.turn import turn
from tests.prefect_server import QUIET, prefect_server

pytestmark = pytest.mark.slow

Start = Callable[..., Running]
Install = Callable[..., Installation]

READY_WITHIN_S = 120


def process_of(run_id: str) -> int:
    """The process of a flow run."""
    wanted = f"PREFECT__FLOW_RUN_ID={run_id}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in environ.read_bytes().split(b"\0"):
                return int(environ.parent.name)
    raise AssertionError("no process runs it")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """One Prefect server for all tests here."""
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home) as url:
        yield Prefect(url, home)


@dataclass
class Served:
    """An installation that is served; its own schedule comes after the tests."""

    place: Installation
    emulator: Running
    process: "subprocess.Popen[str]"

    def equal(self) -> None:
        """One more sync, and the warehouse equals the API."""
        assert self.place.call("sync", CHECKOUTS_STRIPE__REQUESTS_PER_SECOND="1000").code == 0
        while True:
            with suppress(duckdb.IOException):  # while a scheduled sync writes
                assert_equal(self.place, self.emulator, all_read_now=False)
                return
            time.sleep(0.1)

    def runs_of(self, kind: str) -> list[tuple[Any, ...]]:
        """Outcome and windows of the runs of a kind, in order."""
        with suppress(duckdb.Error):
            return self.place.rows(
                "select outcome, windows from meta.runs where kind = ? order by rowid", kind
            )
        return []

    def wait_for_windows(self, kind: str, before: int) -> None:
        """Wait until a run beyond those before has committed a window and goes on."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not any(
            outcome == "running" and windows for outcome, windows in self.runs_of(kind)[before:]
        ):
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.05)


@pytest.fixture(scope="module")
def served(prefect: Prefect, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served installation; a backfill of all its sessions takes some seconds."""
    later = datetime.now(UTC) + timedelta(hours=2)
    with running(Options(sessions=2_000, days=20, now=NOW, frozen=True)) as emulator:
        place = Installation(
            tmp_path_factory.mktemp("served"),
            emulator.url,
            sync__schedule=f"{later.minute} {later.hour} * * *",
            stripe__requests_per_second=3,
        )
        process = place.begin("serve", **prefect.environ)
        try:
            assert process.stdout is not None
            while "stop with Ctrl-C" not in (line := process.stdout.readline()):
                assert line, finish(process)
            deadline = time.monotonic() + READY_WITHIN_S
            while len(prefect.asked("deployments/filter")) < 3:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            yield Served(place, emulator, process)
        finally:
            process.kill()


BACKFILL = {"start": "2026-07-01T00:00:00Z", "end": "2026-09-25T00:00:00Z"}


def test_a_backfill_that_is_cancelled_in_its_middle_keeps_whole_windows(
    prefect: Prefect, served: Served
) -> None:
    run = prefect.start("backfill", **BACKFILL).raise_for_status().json()
    served.wait_for_windows("backfill", 0)
    state = {"type": "CANCELLING", "name": "Cancelling"}
    prefect.post(f"flow_runs/{run['id']}/set_state", state=state).raise_for_status()
    assert prefect.ended(run["id"])["state_type"] == "CANCELLED"
    assert [outcome for outcome, _ in served.runs_of("backfill")] == ["interrupted"]
    stored = served.place.value("select count(*) from checkout_sessions")
    assert 0 < stored < 2_000
    served.equal()


def test_a_backfill_whose_process_is_killed_is_mended_by_the_next_sync(
    prefect: Prefect, served: Served
) -> None:
    before = len(served.runs_of("backfill"))
    run = prefect.start("backfill", **BACKFILL).raise_for_status().json()
    served.wait_for_windows("backfill", before)
    os.kill(process_of(run["id"]), signal.SIGKILL)
    assert prefect.ended(run["id"])["state_type"] == "CRASHED"
    assert served.runs_of("backfill")[before][0] == "running"
    served.equal()
    assert served.runs_of("backfill")[before][0] == "interrupted"


def test_a_backfill_started_through_the_api_reads_its_range_and_leaves_its_figures(
    prefect: Prefect, served: Served
) -> None:
    given = {"start": "2026-09-10T00:00:00+02:00", "end": "2026-09-12T00:00:00+02:00"}
    run = prefect.start("backfill", **given).raise_for_status().json()
    ended = prefect.ended(run["id"])
    assert ended["state_type"] == "COMPLETED", ended
    assert ended["name"] == "default 2026-09-10 00:00 → 2026-09-12 00:00"
    assert {"checkout-sessions", "backfill"} <= set(ended["tags"])
    first = 1_788_991_200
    inside = sum(first <= s["created"] < first + 2 * DAY_S for s in served.emulator.sessions())
    (figures,) = json.loads(prefect.artifacts(run["id"])["figures"])
    assert figures["outcome"] == "completed"
    assert figures["sessions_read"] == inside
    assert prefect.logged(run["id"], "default: loaded 2026-09-")
    served.equal()


def test_a_sync_that_finds_another_run_writing_is_skipped(prefect: Prefect, served: Served) -> None:
    with turn(served.place.warehouse, wait=True) as mine:
        assert mine
        run = prefect.start("sync").raise_for_status().json()
        ended = prefect.ended(run["id"])
    assert (ended["state_type"], ended["state_name"]) == ("COMPLETED", "Skipped")
    assert "sync.overlap" in ended["state"]["message"]


def test_where_overlap_is_wait_a_sync_waits_until_the_other_run_has_written(
    prefect: Prefect, served: Served
) -> None:
    # A run reads the settings anew.
    before = served.place.file.read_text()
    settings = yaml.safe_load(before)
    settings["sync"]["overlap"] = "wait"
    served.place.file.write_text(yaml.safe_dump(settings))
    try:
        with turn(served.place.warehouse, wait=True) as mine:
            assert mine
            run = prefect.start("sync").raise_for_status().json()
            assert prefect.logged(run["id"], "Beginning flow run")
            assert prefect.flow_run(run["id"])["state_type"] == "RUNNING"
        ended = prefect.ended(run["id"])
    finally:
        served.place.file.write_text(before)
    assert (ended["state_type"], ended["state_name"]) == ("COMPLETED", "Completed")
    assert "0 new" in ended["state"]["message"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"start": "yesterday", "end": "2026-09-12"}, "start"),
        ({"start": "2026-09-10"}, "end"),
        (BACKFILL | {"accounts": ["nobody"]}, "nobody"),
        (BACKFILL | {"missing": "perhaps"}, "missing"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    given: dict[str, Any], said: str, prefect: Prefect, served: Served
) -> None:
    assert served.process.poll() is None
    answer = prefect.start("backfill", **given)
    assert answer.status_code == 409
    assert said in answer.text


def test_a_range_that_ends_before_it_starts_fails_and_says_so(
    prefect: Prefect, served: Served
) -> None:
    assert served.process.poll() is None
    given = {"start": BACKFILL["end"], "end": BACKFILL["start"]}
    run = prefect.start("backfill", **given).raise_for_status().json()
    ended = prefect.ended(run["id"])
    assert ended["state_type"] == "FAILED"
    assert "is not after start" in ended["state"]["message"]


def test_what_a_served_run_that_fails_logs_has_no_traceback(
    prefect: Prefect, served: Served
) -> None:
    served.emulator.fault("html=1")
    try:
        run = prefect.start("backfill", **BACKFILL).raise_for_status().json()
        ended = prefect.ended(run["id"])
    finally:
        served.emulator.fault()
    assert ended["state_type"] == "FAILED"
    assert prefect.logged(run["id"], ended["state"]["message"])
    assert prefect.logged(run["id"], "Engine execution exited")  # the last line
    lines = prefect.asked("logs/filter", logs={"flow_run_id": {"any_": [run["id"]]}}, limit=200)
    assert not [line["message"] for line in lines if "Traceback" in line["message"]]


def test_a_sync_as_a_flow_run_gives_the_same_warehouse_and_its_tasks_are_visible(
    prefect: Prefect, start: Start, install: Install
) -> None:
    emulator = start(sessions=300, days=20)
    place = install(emulator.url)
    done = place.run("sync", "--prefect", "--json", **prefect.environ)
    assert (done.code, done.err) == (0, "")
    assert done.object.keys() == REPORT_KEYS
    assert done.object["inserted"] == 300
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


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_flow_run_that_is_interrupted_tells_what_it_did(
    sign: signal.Signals, prefect: Prefect, start: Start, install: Install
) -> None:
    emulator = start(sessions=2_000, days=20)
    place = install(emulator.url, stripe__requests_per_second=3)
    process = place.begin("sync", "--prefect", "--json", **prefect.environ)
    deadline = time.monotonic() + READY_WITHIN_S
    loaded: list[tuple[Any, ...]] = []
    while not loaded:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
        with suppress(duckdb.Error):
            loaded = place.rows("select 1 from meta.runs where windows > 0")
    process.send_signal(sign)
    done = finish(process)
    assert done.code == 130
    assert "interrupted" in one_line(done.err)
    assert done.object.keys() == REPORT_KEYS
    assert done.object["outcome"] == "interrupted"
    assert 0 < done.object["sessions_read"] < 2_000
    assert place.value("select count(*) from checkout_sessions") == done.object["sessions_read"]
    assert prefect.newest_flow_run()["state_type"] == "CRASHED"
    assert place.runs() == [("sync", "interrupted")]


def test_wrong_uses_with_prefect_are_refused_alike(
    prefect: Prefect, shop: Running, install: Install
) -> None:
    place = install(shop.url)
    done = place.run("sync", "--prefect", **{**prefect.environ, "STRIPE_API_KEY": None})
    assert done.code == 2
    one_line(done.err)


def test_what_keeps_a_flow_run_from_beginning_keeps_its_exit_code(
    prefect: Prefect, shop: Running, install: Install
) -> None:
    place = install(shop.url)
    done = place.run("verify", "--prefect", "--json", **prefect.environ)
    assert (done.code, done.out) == (5, "")
    assert f"there is no warehouse at {place.warehouse};" in one_line(done.err)
    assert prefect.newest_flow_run()["state_type"] == "FAILED"
    (place.folder / "data").write_text("")
    done = place.run("sync", "--prefect", **prefect.environ)
    assert done.code == 5
    assert "can't be made" in one_line(done.err)


def test_nothing_that_prefect_keeps_holds_the_key_or_what_a_session_says(
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
        for what in (KEY, "customer_details"):
            assert what.encode() not in content, (path, what)
    assert prefect.artifacts(run["id"])["figures"]
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


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://[::1", "PREFECT_API_URL: 'http://[::1' is no address"),
        ("127.0.0.1:4200/api", "PREFECT_API_URL: '127.0.0.1:4200/api' is no address"),
        ("http://ana:hunter2@[::1/api", "PREFECT_API_URL: 'http://****@[::1/api' is no address"),
        (" ", "PREFECT_API_URL: it is empty"),
        ("http://ana:hunter2@127.0.0.1:9/api", "at http://****@127.0.0.1:9/api doesn't answer"),
    ],
)
def test_an_address_of_prefect_that_is_none_is_named_without_its_password(
    address: str, words: str, shop: Running, install: Install
) -> None:
    place = install(shop.url)
    for command in (("sync", "--prefect"), ("serve",)):
        done = place.run(*command, PREFECT_API_URL=address, **QUIET)
        assert done.code == 2
        assert words in one_line(done.err)
        assert "hunter2" not in done.out + done.err
    done = place.run("doctor", PREFECT_API_URL=address, **QUIET)
    assert done.err == ""
    assert words in done.out
    assert "hunter2" not in done.out


def test_a_verification_as_a_flow_run_leaves_the_differences(
    prefect: Prefect, start: Start, install: Install
) -> None:
    emulator = start(sessions=200, days=10)
    place = install(emulator.url)
    assert place.call("sync").code == 0
    place.change("delete from checkout_sessions where status = 'expired'")
    done = place.run("verify", "--prefect", "--json", **prefect.environ)
    assert done.code == 6
    assert done.object["missing"]["count"] > 0
    run = prefect.newest_flow_run()
    assert run["state_type"] == "FAILED"
    assert f"{done.object['missing']['count']} missing" in run["state"]["message"]
    text = prefect.artifacts(run["id"])["differences"]
    assert all(f"`{each}`" in text for each in done.object["missing"]["ids"])
    assert "checkouts backfill --from" in text
    assert f" --config {shlex.quote(str(place.file))}`" in text


def test_the_schedule_of_the_settings_is_the_deployments(prefect: Prefect, served: Served) -> None:
    (schedule,) = prefect.deployment("sync")["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["cron"] == served.place.settings().sync.schedule
    assert schedule["schedule"]["timezone"] == "UTC"


def test_a_schedule_fires_and_syncs(prefect: Prefect, served: Served) -> None:
    served.equal()
    served.emulator.advance(HOUR_S)
    begun = datetime.now(UTC)
    # One that comes soon, since a cron's next minute may be a minute away.
    with prefect.scheduled("sync", every_s=4):
        run = prefect.scheduled_run(begun)
    ended = prefect.ended(run["id"])
    assert ended["state_type"] == "COMPLETED", ended
    assert ended["name"].startswith("default from 2026-09-")
    served.equal()


def test_serve_ends_by_ctrl_c_and_pauses_its_schedules(prefect: Prefect, served: Served) -> None:
    served.process.send_signal(signal.SIGINT)
    out, _ = served.process.communicate(timeout=READY_WITHIN_S)
    assert served.process.returncode == 0
    assert "stopped" in out
    assert prefect.deployment("sync")["paused"]


@pytest.mark.long
def test_a_cron_schedule_fires_within_its_minute(
    prefect: Prefect, start: Start, install: Install
) -> None:
    place = install(start(sessions=50).url, sync__schedule="* * * * *")
    begun = datetime.now(UTC)
    process = place.begin("serve", **prefect.environ)
    try:
        ended = prefect.ended(prefect.scheduled_run(begun)["id"])
        assert ended["state_type"] == "COMPLETED", ended
        assert place.value("select count(*) from checkout_sessions") == 50
    finally:
        process.send_signal(signal.SIGINT)
        finish(process)


def test_serve_ends_by_sigterm_as_by_ctrl_c(
    prefect: Prefect, start: Start, install: Install
) -> None:
    place = install(start(sessions=50).url, sync__schedule="0 0 1 1 *")
    begun = datetime.now(UTC)
    process = place.begin("serve", **prefect.environ)
    assert process.stdout is not None
    while "stop with Ctrl-C" not in (line := process.stdout.readline()):
        assert line, finish(process)
    deadline = time.monotonic() + READY_WITHIN_S
    while not any(polled_since(begun, each) for each in prefect.asked("deployments/filter")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    done = finish(process)
    assert (done.code, done.out) == (0, "stopped; what was loaded stays\n")
    assert "Warning" not in done.err
    assert prefect.deployment("sync")["paused"]


def polled_since(moment: datetime, deployment: dict[str, Any]) -> bool:
    """Whether a process asked for a deployment's runs after that."""
    asked_at = deployment["last_polled"]
    return asked_at is not None and datetime.fromisoformat(asked_at) > moment


def test_serve_says_that_something_is_in_the_place_of_its_folder(
    shop: Running, install: Install
) -> None:
    place = install(shop.url)
    place.warehouse.parent.mkdir()
    (place.warehouse.parent / "prefect").write_text("")
    done = place.run("serve", PREFECT_SERVER_API_PORT=str(free_port()), **QUIET)
    assert done.code == 2
    assert f"{place.warehouse.parent / 'prefect'} can't be used" in one_line(done.err)


@pytest.mark.long
def test_serve_without_a_prefect_starts_one_beside_the_warehouse_and_ends_it(
    start: Start, install: Install
) -> None:
    place = install(start(sessions=50).url)
    port = str(free_port())
    process = place.begin("serve", PREFECT_SERVER_API_PORT=port, **QUIET)
    assert process.stdout is not None
    while "stop with Ctrl-C" not in (line := process.stdout.readline()):
        assert line, finish(process)
    again = place.run("serve", PREFECT_SERVER_API_PORT=port, **QUIET)
    assert again.code == 2
    assert port in one_line(again.err)
    process.send_signal(signal.SIGTERM)
    assert finish(process).code == 0
    assert (place.folder / "data/prefect/prefect.db").exists()
    assert (place.folder / "data/prefect/server.log").stat().st_mode & 0o077 == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False)
