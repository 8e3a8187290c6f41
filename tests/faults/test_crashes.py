"""Processes killed or stopped, files and disks that fail: nothing committed is lost."""

import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import doomed_process
import pytest
from mistreated import assert_whole_windows, one_line, wait_until
from truth_shop import DAY_S, HOUR_S, Place, assert_equal, assert_history_is_a_chain, shown

from pipelines.emulator.app import Running
from pipelines.runs import Options

Start = Callable[..., Running]
Install = Callable[..., Place]
Tried = Callable[[str], None]

KILLED = (signal.SIGKILL, signal.SIGALRM)


@pytest.fixture(scope="module")
def forks() -> Any:
    """Starts processes from one that has everything imported, so that they begin at once."""
    context = multiprocessing.get_context("forkserver")
    # Without pyarrow, whose allocator has a thread, and no process with threads may be forked.
    context.set_forkserver_preload(["httpx", "pipelines.cli", "pipelines.config", "rich.progress"])
    return context


def killed(
    forks: Any, place: Place, step: int | str, when: str, command: Sequence[str] = ("sync",)
) -> bool:
    """Run a command in a process that is killed at a step; False if it ended before that step."""
    process = forks.Process(
        target=doomed_process.killed_at,
        args=(str(place.folder), command, dict(os.environ), step, when),
    )
    process.start()
    process.join(60)
    assert process.exitcode == 0 or -process.exitcode in KILLED
    return process.exitcode != 0


def assert_taken_up(place: Place, emulator: Running) -> str:
    """What a kill left is whole, and one more sync makes it equal to the API; says so."""
    api = shown(emulator)
    assert_whole_windows(place, api, emulator.now)
    assert place.sync().outcome == "completed"
    assert_equal(place, api)
    assert_history_is_a_chain(place)
    return "whole windows stay; the next run completes"


@pytest.fixture
def moved_on(start: Start, install: Install) -> tuple[Running, Place]:
    """A shop that was loaded and has moved on since."""
    emulator = start()
    place = install(emulator.url, sync__reread_ratio=0)
    assert place.sync().outcome == "completed"
    emulator.advance(HOUR_S)
    return emulator, place


@pytest.mark.tried("a process killed before, during and after the commit")
@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("begin", "after"),
        ("commit", "before"),
        ("commit", "during"),
        ("commit", "after"),
        ("close", "during"),
        ("close", "after"),
    ],
)
def test_a_kill_around_the_commit_loses_nothing_that_was_committed(
    step: str, when: str, forks: Any, moved_on: tuple[Running, Place], tried: Tried
) -> None:
    emulator, place = moved_on
    before = place.stored()
    assert killed(forks, place, step, when)
    after = place.stored()
    assert before.keys() <= after.keys()
    if (step, when) in (("begin", "after"), ("commit", "before")):
        assert before == after
    if (step, when) in (("commit", "after"), ("close", "during"), ("close", "after")):
        assert_equal(place, shown(emulator))
    tried(assert_taken_up(place, emulator))


@pytest.mark.tried("a process killed between any two statements of a load")
@pytest.mark.long
@pytest.mark.parametrize("loaded", [False, True], ids=["first load", "later sync"])
def test_a_kill_between_any_two_statements_of_a_load_leaves_whole_windows(
    loaded: bool, forks: Any, start: Start, install: Install, tried: Tried
) -> None:
    emulator = start()
    place = install(emulator.url, sync__reread_ratio=0)
    if loaded:
        assert place.sync().outcome == "completed"
        emulator.advance(HOUR_S)
    step = 1
    while True:
        doomed = install(emulator.url, f"doomed{step}", sync__reread_ratio=0)
        if loaded:
            shutil.copy(place.warehouse, doomed.warehouse)
        if not killed(forks, doomed, step, "before"):
            break
        told = assert_taken_up(doomed, emulator)
        step += 1
    assert step > 20
    tried(told)


def begun(place: Place) -> "subprocess.Popen[str]":
    """A sync in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines", "sync"],
        cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.tried("Ctrl-C while no answer comes")
def test_a_run_whose_requests_hang_ends_by_one_ctrl_c(
    start: Start, install: Install, tried: Tried
) -> None:
    emulator = start()
    emulator.fault("hang=1")
    place = install(emulator.url)
    process = begun(place)
    wait_until(lambda: bool(emulator.stats()["faults"]))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted" in one_line(err)
    emulator.fault()
    assert_taken_up(place, emulator)
    tried(f"exit {process.returncode} at once; the next run completes")


def connecting(port: int) -> bool:
    """Whether a connection to a port of this machine waits to be taken."""
    syn_sent = "02"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return any(row[2].endswith(f":{port:04X}") and row[3] == syn_sent for row in rows)


def test_a_second_ctrl_c_waits_for_nothing(install: Install) -> None:
    # Its queue has room for one, so whoever comes next isn't taken.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            process = begun(install(f"http://127.0.0.1:{port}"))
            wait_until(lambda: connecting(port))
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted" in one_line(err)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own at a folder; gives what mounts it anew with other options."""
    folder.mkdir(exist_ok=True)

    def mount(*options: str) -> int:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    if os.geteuid() != 0 or mount(f"size={size}") != 0:
        pytest.skip("file systems can't be mounted here")
    try:
        yield lambda option: subprocess.run(
            ["mount", "-o", f"remount,{option}", str(folder)], check=True
        )  # type: ignore[func-returns-value]
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the rest of a disk; the file that does."""
    place = folder / "fill"
    with suppress(OSError), place.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    return place


@pytest.mark.tried("a full disk")
def test_a_full_disk_loses_nothing_that_was_committed(
    start: Start, install: Install, tried: Tried
) -> None:
    emulator = start(sessions=2_000, days=20)
    place = install(emulator.url, sync__reread_ratio=0, warehouse__path="disk/warehouse.duckdb")
    place.warehouse = place.folder / "disk" / "warehouse.duckdb"
    with small_disk(place.folder / "disk", "2m") as remount:
        for _ in range(2):
            done = place.call("sync")
            assert done.code == 5, done
            assert "the disk is full" in one_line(done.err)
            assert_whole_windows(place, shown(emulator), emulator.now)
        remount("size=64m")
        tried(f"exit {done.code}, naming it; {assert_taken_up(place, emulator)}")


def test_a_person_is_forgotten_once_a_full_disk_has_room_again(
    start: Start, install: Install
) -> None:
    emulator = start()
    place = install(emulator.url, warehouse__path="disk/warehouse.duckdb")
    place.warehouse = place.folder / "disk" / "warehouse.duckdb"
    session = emulator.sessions()[0]["id"]
    with small_disk(place.folder / "disk", "64m"):
        place.sync()
        before = place.warehouse.read_bytes()
        filling = fill(place.folder / "disk")
        done = place.call("forget", "--session", session)
        assert done.code == 5, done
        assert "No space left on device. It is as it was; make room" in one_line(done.err)
        assert place.warehouse.read_bytes() == before
        assert {each.name for each in filling.parent.iterdir()} == {"warehouse.duckdb", "fill"}
        filling.unlink()
        assert place.call("forget", "--session", session).code == 0


@pytest.mark.parametrize(("setting", "name"), [("path", "copy.duckdb"), ("parquet", "files")])
def test_where_what_is_published_fills_its_disk_that_place_is_named_and_nothing_lost(
    setting: str, name: str, start: Start, install: Install
) -> None:
    emulator = start()
    place = install(emulator.url, **{f"publish__{setting}": f"disk/{name}"})
    with small_disk(place.folder / "disk", "64m"):
        filling = fill(place.folder / "disk")
        done = place.call("sync")
        assert done.code == 5, done
        published = place.folder / "disk" / name
        assert f"{published} can't be published: No space left on device" in one_line(done.err)
        assert_equal(place, shown(emulator))
        filling.unlink()
        assert place.call("sync").code == 0
        assert published.exists()


@pytest.mark.tried("a read-only folder")
def test_a_folder_that_is_read_only_can_still_be_read(
    start: Start, install: Install, tried: Tried
) -> None:
    emulator = start()
    place = install(emulator.url, warehouse__path="disk/warehouse.duckdb")
    place.warehouse = place.folder / "disk" / "warehouse.duckdb"
    with small_disk(place.folder / "disk", "64m") as remount:
        remount("ro")
        done = place.call("sync")
        assert done.code == 5
        assert "permission denied" in one_line(done.err)
        remount("rw")
        assert place.sync().outcome == "completed"
        emulator.advance(DAY_S)
        remount("ro")
        for command in (["status"], ["sql", "select 1"], ["verify"]):
            assert place.call(*command).code == 0
        done = place.call("sync")
        assert done.code == 5
        assert "permission denied" in one_line(done.err)
        remount("rw")
        assert_taken_up(place, emulator)
    tried(f"reading works; a sync: exit {done.code}, naming it")


@pytest.mark.tried("the file deleted, between runs or during one")
def test_a_warehouse_that_is_deleted_while_it_is_loaded_is_read_again(
    start: Start, install: Install, tried: Tried
) -> None:
    emulator = start(sessions=500, days=5)
    place = install(emulator.url, sync__reread_ratio=0, stripe__requests_per_second=60)
    deleted: list[Path] = []

    def delete(_: object) -> None:
        if not deleted:
            deleted.append(place.warehouse)
            place.warehouse.unlink()

    report = place.sync(Options(progress=delete))
    assert deleted
    assert report.error is None
    assert_taken_up(place, emulator)
    place.warehouse.unlink()
    assert_taken_up(place, emulator)
    tried("the next run reads it all again")


@pytest.mark.tried("the file cut off, or with changed bytes")
def test_a_file_cut_off_anywhere_or_with_changed_bytes_is_never_believed(
    start: Start, install: Install, tried: Tried
) -> None:
    emulator = start()
    place = install(emulator.url)
    place.sync()
    whole = place.warehouse.read_bytes()
    draw = random.Random(4)
    emulator.advance(DAY_S)
    for size in (0, 100, 5_000, 12_288, len(whole) // 2):
        place.warehouse.write_bytes(whole[:size])
        assert_refused(place)
    for _ in range(3):
        changed = bytearray(whole)
        for _ in range(200):
            changed[draw.randrange(4_096, len(changed))] ^= draw.randrange(1, 256)
        place.warehouse.write_bytes(changed)
        told = assert_refused(place)
    tried(told)


def assert_refused(place: Place) -> str:
    """A sync says what is wrong with the file and what to do, and leaves it as it is."""
    before = place.warehouse.read_bytes()
    error = place.sync().error
    assert error is not None
    assert error.exit_code == 5
    assert "nothing was written" in error.message.lower()
    assert "move it away" in error.message.lower()
    assert place.warehouse.read_bytes() == before
    return f"exit {error.exit_code}, naming what to do; untouched"


@pytest.mark.tried("a log (`.wal`) left behind by a kill")
def test_a_log_left_behind_is_taken_up_and_never_mixed_with_another_file(
    forks: Any, moved_on: tuple[Running, Place], tried: Tried
) -> None:
    emulator, place = moved_on
    log = place.warehouse.with_name(f"{place.warehouse.name}.wal")
    old = place.warehouse.read_bytes()
    assert place.sync().outcome == "completed"
    emulator.advance(HOUR_S)
    assert killed(forks, place, "close", "before")
    left, newer = log.read_bytes(), place.warehouse.read_bytes()
    assert left
    assert_equal(place, shown(emulator))

    # The file of a while ago with the log of today.
    place.warehouse.write_bytes(old)
    log.write_bytes(left)
    error = place.sync().error
    assert error is not None
    assert error.exit_code == 5
    assert "remove the log" in error.message
    log.unlink()
    assert_taken_up(place, emulator)

    # A log that is damaged, cut off, or alone.
    for damaged in (left[: len(left) // 2], left[:-50], bytes(len(left)), b""):
        place.warehouse.write_bytes(newer)
        log.write_bytes(damaged)
        assert_taken_up(place, emulator)
    changed = bytearray(left)
    changed[len(left) // 2] ^= 255
    place.warehouse.write_bytes(newer)
    log.write_bytes(changed)
    error = place.sync().error
    assert error is not None
    assert "remove the log" in error.message
    place.warehouse.unlink()
    log.write_bytes(left)
    assert_taken_up(place, emulator)
    tried(f"taken up; of another file: exit {error.exit_code}")


@pytest.mark.tried("a process killed while it forgets a person")
def test_forget_that_is_killed_leaves_the_old_file_or_the_new(
    forks: Any, moved_on: tuple[Running, Place], tried: Tried
) -> None:
    _, place = moved_on
    told = "select customer_details_email from checkout_sessions where customer is not null"
    ((email,), *_) = place.rows(f"{told} and customer_details_email is not null limit 1")
    again = f"select count(*) from checkout_sessions where customer_details_email = '{email}'"
    there = place.rows(again)
    sessions = place.rows("select count(*), sum(amount_total) from checkout_sessions")
    for step in count(2, 9):
        died = killed(forks, place, step, "after", ["forget", "--email", email])
        assert place.rows("select count(*), sum(amount_total) from checkout_sessions") == sessions
        found = place.rows(again), place.rows("select count(*) > 0 from meta.forgotten")
        assert found in ((there, [(False,)]), ([(0,)], [(True,)]))
        if not died:
            break
    assert step > 2
    assert found[0] == [(0,)]
    assert list(place.folder.glob("**/*.duckdb*")) == [place.warehouse]
    assert not list(place.folder.glob("**/.*"))
    tried("the old file or the new, whole; run it again")
