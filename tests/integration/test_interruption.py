"""A run that ends early, however it ends, loses only what was in flight."""

import fcntl
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
from comparison import assert_equal, assert_runs_add_up
from installation import DAY_S, REPORT_KEYS, Done, Folder, Installation, finish, windows_asked

from pipelines.emulator.app import Running
from pipelines.outcomes import Report

Start = Callable[..., Running]
Install = Callable[..., Installation]

SESSIONS = 1_000
SLOW = {"latency_ms": 60.0, "sessions": SESSIONS, "days": 15}
FEW = 5
"""Requests a second, so few that a run goes on for seconds after its first load."""


def wait_until_some_is_stored(
    place: Installation, process: "subprocess.Popen[str]", windows: int = 1
) -> None:
    """Wait until a run has committed so many windows and goes on."""
    while process.poll() is None:
        with suppress(duckdb.Error):
            done = place.value("select coalesce(max(windows), 0) from meta.runs")
            if done >= windows and place.rows("from meta.coverage"):
                return
        time.sleep(0.05)
    raise AssertionError(f"it ended before it was to be stopped: {finish(process)}")


def stopped(place: Installation, sign: signal.Signals, *arguments: str) -> Done:
    """Start a sync and stop it in its middle."""
    process = place.begin("sync", *arguments)
    wait_until_some_is_stored(place, process)
    process.send_signal(sign)
    return finish(process)


@pytest.mark.parametrize("settled", [True, False])
def test_after_a_kill_the_next_sync_reads_only_what_is_missing(
    settled: bool, start: Start, install: Install
) -> None:
    emulator = start(**SLOW, days_ahead=0 if settled else 7)
    emulator.advance(70 * DAY_S if settled else 0)
    place = install(emulator.url, stripe__requests_per_second=FEW)
    assert stopped(place, signal.SIGKILL).code == -signal.SIGKILL
    assert place.runs() == [("sync", "running")]
    before = place.coverage()
    stored = place.value("select count(*) from checkout_sessions")
    assert 0 < stored < SESSIONS
    due = {
        created
        for (created,) in place.rows("select epoch_us(created) // 1000000 from meta.unsettled")
    }
    emulator.reset()

    report = place.sync(stripe__requests_per_second=1_000)

    assert report.outcome == "completed"
    assert report.counts.inserted == SESSIONS - stored
    for after, until in windows_asked(emulator.requests()):
        end = until if until is not None else 2**40
        again = [c for c in before if max(after, c[0]) < min(end, c[1])]
        if again:
            assert not settled
            assert after + 1 in due
            assert until is None or until in due
    if settled:
        # A cut second is read with both of its parts; nothing else is read twice.
        cut = place.value(
            "select max(n) from (select count(*) n from checkout_sessions group by created)"
        )
        pages = emulator.stats()
        assert pages["sessions_listed"] <= SESSIONS - stored + cut * pages["list_pages"]
        assert place.value("select unchanged from meta.runs order by rowid desc limit 1") == 0
    assert_equal(place, emulator)
    assert sorted(place.runs()) == [("sync", "completed"), ("sync", "interrupted")]


def test_many_kills_in_a_row_still_come_to_an_end(start: Start, install: Install) -> None:
    emulator = start(**SLOW)
    place = install(emulator.url, stripe__requests_per_second=80)
    for kills in (1, 2, 3):
        process = place.begin("sync")
        while process.poll() is None:
            with suppress(duckdb.Error):
                running = place.value("select count(*) from meta.runs")
                if running >= kills:
                    break
            time.sleep(0.05)
        process.kill()
        finish(process)
    place.sync(sync__reread_ratio=0)
    assert_equal(place, emulator)
    outcomes = [outcome for _, outcome in place.runs()]
    assert outcomes.count("completed") >= 1
    assert "running" not in outcomes


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sync_says_so_and_the_next_one_completes(
    sign: signal.Signals, start: Start, install: Install
) -> None:
    emulator = start(**SLOW)
    place = install(emulator.url, stripe__requests_per_second=FEW)
    done = stopped(place, sign)
    assert done.code == 130
    assert "Traceback" not in done.err
    assert "the next run goes on from there" in done.err
    assert place.runs() == [("sync", "interrupted")]
    stored = place.value("select count(*) from checkout_sessions")
    counted = place.value("select inserted from meta.runs")
    assert stored == counted
    report = place.sync(stripe__requests_per_second=1_000)
    assert report.counts.inserted == SESSIONS - stored
    assert_equal(place, emulator, all_read_now=False)


def test_a_stopped_sync_says_one_line_on_stderr(start: Start, install: Install) -> None:
    emulator = start(**SLOW)
    place = install(emulator.url, stripe__requests_per_second=FEW)
    done = stopped(place, signal.SIGINT)
    *progress, line = done.err.splitlines()
    assert all(" sessions (" in each for each in progress)  # where the machine is slow
    assert "interrupted" in line or "stopped" in line


def begin_an_import(place: Folder, module: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command and wait until it imports a module, which goes on once it was stopped.

    The module takes an exception for another one, as NumPy's does.
    """
    shadow = place.folder / "shadow"
    shadow.mkdir()
    shadow.joinpath(f"{module}.py").write_text(
        "import importlib, pathlib, sys, time\n"
        "pathlib.Path('importing').touch()\n"
        "try:\n"
        "    while not pathlib.Path('stopped').exists():\n"
        "        time.sleep(0.01)\n"
        "except BaseException:\n"
        "    raise SyntaxError from None\n"
        f"sys.path.remove({str(shadow)!r})\n"
        f"del sys.modules[{module!r}]\n"
        f"importlib.import_module({module!r})\n"
    )
    process = place.begin(*arguments, PYTHONPATH=str(shadow))
    while not place.folder.joinpath("importing").exists():
        assert process.poll() is None, finish(process)
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["click", "yaml", "duckdb"])
def test_a_command_stopped_while_it_loads_its_modules_says_one_line(
    module: str, sign: signal.Signals, start: Start, install: Install
) -> None:
    place = install(start(sessions=20).url)
    process = begin_an_import(place, module, "doctor")
    process.send_signal(sign)
    place.folder.joinpath("stopped").touch()
    done = finish(process)
    assert done.code == 130
    assert done.err == "checkouts: interrupted; nothing was changed\n"


@pytest.mark.parametrize(
    ("command", "left_behind"),
    [
        ("list", "nothing was changed"),
        ("doctor", "nothing was changed"),
        ("sync", Report.left_behind),
    ],
)
def test_a_command_stopped_while_no_answer_comes_says_in_one_line_what_it_left(
    command: str, left_behind: str, start: Start, install: Install
) -> None:
    emulator = start(sessions=20)
    place = install(emulator.url)
    emulator.fault("hang=1")
    process = place.begin(command)
    while not emulator.stats()["faults"]:
        assert process.poll() is None, finish(process)
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    emulator.fault()
    done = finish(process)
    assert done.code == 130
    assert done.err == f"checkouts: interrupted; {left_behind}\n"


def test_a_stopped_sync_prints_its_json_object(start: Start, install: Install) -> None:
    emulator = start(**SLOW)
    place = install(emulator.url, stripe__requests_per_second=FEW)
    done = stopped(place, signal.SIGINT, "--json")
    assert done.code == 130
    assert done.object.keys() == REPORT_KEYS
    assert done.object["outcome"] == "interrupted"
    assert done.object["newest_covered"] is not None
    assert (done.object["watermark"] or "") < done.object["newest_covered"]
    assert done.object["sessions_read"] == place.value("select count(*) from checkout_sessions")


@pytest.mark.file
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("names", [["default"], ["eu", "us"]])
def test_a_run_stopped_while_it_publishes_prints_its_json_object(
    sign: signal.Signals, names: list[str], start: Start, install: Install
) -> None:
    accounts = [{"name": name, "key_env": name.upper()} for name in names if len(names) > 1]
    place = install(start(sessions=50).url, accounts=accounts, publish__path="out/read.duckdb")
    keys = {"EU": "sk_test_integration", "US": "sk_live_integration"}
    copy = place.folder / "out" / "read.duckdb"
    copy.parent.mkdir()
    with copy.with_name(".read.duckdb.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for command in (["sync"], ["backfill", "--from", "2026-09-15", "--to", "2026-09-16"]):
            process = place.begin(*command, "--json", **keys)
            wait_until_it_waits_for_a_lock(process)
            process.send_signal(sign)
            done = finish(process)
            assert done.code == 130
            told = done.object.get("accounts", [done.object])
            assert [report["account"] for report in told] == names
            assert all(report.keys() == REPORT_KEYS for report in told)
            assert [report["outcome"] for report in told] == [
                *("completed" for _ in names[1:]),
                "interrupted",
            ]
            assert done.object["outcome"] == "interrupted"
            assert "the next run goes on from there" in done.err
    assert not copy.exists()
    assert place.value("select count(distinct outcome) from meta.runs") == 1
    assert place.call("sync", **keys).code == 0
    assert copy.exists()


def wait_until_it_waits_for_a_lock(process: "subprocess.Popen[str]") -> None:
    """Wait until the system says that a process waits for another one's lock on a file."""
    while process.poll() is None:
        for line in Path("/proc/locks").read_text().splitlines():
            if f" {process.pid} " in line and "-> FLOCK" in line:
                return
        time.sleep(0.05)
    raise AssertionError(f"it ended before it was to be stopped: {finish(process)}")


def test_stopping_ends_all_accounts_and_the_next_sync_makes_each_complete(
    start: Start, install: Install
) -> None:
    emulator = start(**SLOW | {"sessions": 600})
    accounts = [{"name": "eu", "key_env": "EU"}, {"name": "us", "key_env": "US"}]
    place = install(emulator.url, accounts=accounts, stripe__requests_per_second=FEW)
    keys = {"EU": "sk_test_integration", "US": "sk_live_integration"}
    process = place.begin("sync", **keys)
    wait_until_some_is_stored(place, process)
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert done.code == 130
    assert done.err.splitlines()[-2:] == [
        f"checkouts: {name}: interrupted; {Report.left_behind}" for name in ("eu", "us")
    ]
    assert {outcome for _, outcome in place.runs()} == {"interrupted"}
    assert place.call("sync", CHECKOUTS_STRIPE__REQUESTS_PER_SECOND="1000", **keys).code == 0
    for name, key in (("eu", keys["EU"]), ("us", keys["US"])):
        assert_equal(place, emulator, account=name, key=key, all_read_now=False)


def test_a_backfill_that_was_killed_counts_what_it_committed(
    start: Start, install: Install
) -> None:
    emulator = start(**SLOW)
    place = install(emulator.url, stripe__requests_per_second=FEW)
    process = place.begin("backfill", "--from", "2026-01-01", "--to", "2026-09-21")
    wait_until_some_is_stored(place, process)
    process.kill()
    finish(process)
    place.sync(stripe__requests_per_second=1_000)
    assert_equal(place, emulator, all_read_now=False)
    assert_runs_add_up(place)
    assert place.runs()[0] == ("backfill", "interrupted") or place.runs()[1] == (
        "backfill",
        "interrupted",
    )


def test_a_run_left_running_is_interrupted_whatever_process_has_its_number_now(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=50)
    place = install(emulator.url)
    place.sync()
    place.change("update meta.runs set outcome = 'running'")
    emulator.advance(60)
    assert place.run("sync").code == 0
    assert sorted(place.runs()) == [("sync", "completed"), ("sync", "interrupted")]


def test_a_run_that_fails_while_requests_are_under_way_ends_soon(
    start: Start, install: Install
) -> None:
    for attempt in range(4):
        emulator = start(sessions=600, days=12)
        place = install(emulator.url, f"place{attempt}")
        process = place.begin("sync", CHECKOUTS_WAREHOUSE__PATH="/proc/nowhere/x.duckdb")
        # Far above what it takes, far below the time after which a dead connection is given up.
        assert finish(process, within_s=20).code == 5
