"""Processes that are killed at any moment, and processes that run at once, over a living shop."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import truth_process
from truth_shop import (
    DAY_S,
    HOUR_S,
    NOW,
    Place,
    assert_coverage_is_sane,
    assert_equal,
    assert_history_is_a_chain,
    edit,
    listed,
    meant,
)

Install = Callable[..., Place]

pytestmark = pytest.mark.slow
KILLS = 20


class Shop:
    """An emulator in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, trust_env=False)

    @property
    def now(self) -> float:
        return float(self._client.get("/_emulator/stats").raise_for_status().json()["now"])

    def advance(self, seconds: float) -> None:
        self._client.post("/_emulator/advance", data={"seconds": str(seconds)}).raise_for_status()


@contextmanager
def shop_elsewhere(**options: Any) -> Iterator[Shop]:
    """A shop whose clock stands still, served by another process."""
    given = {"port": 0, "now": NOW, "latency_ms": 8} | options
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "emulator", "--frozen", *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Shop(process.stdout.readline().split()[1].rstrip(","))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def forks() -> Any:
    """Starts processes from one that has everything imported, so that they begin at once."""
    context = multiprocessing.get_context("forkserver")
    # By installed names, since some Pythons look for others in the wrong folders and say nothing;
    # without pyarrow, whose allocator has a thread, and no process with threads may be forked.
    context.set_forkserver_preload(["httpx", "pipelines.cli", "pipelines.config", "rich.progress"])
    return context


def begin(forks: Any, place: Place, *arguments: str) -> Any:
    """Start a command in a process of its own."""
    process = forks.Process(
        target=truth_process.command, args=(str(place.folder), arguments, dict(os.environ))
    )
    process.start()
    return process


def assert_what_is_covered_is_there(place: Place, shop: Shop) -> None:
    """Whatever was committed before a kill is whole; a file that is still empty holds nothing."""
    if not place.exists or not place.rows("select 1 from duckdb_tables()"):
        return
    coverage = place.coverage()
    assert_coverage_is_sane(place, shop.now)
    ids = place.stored().keys()
    for id_, text in listed(shop.url).items():
        created = meant(text)["created"]
        if any(after < created <= until for after, until in coverage):
            assert id_ in ids


def test_after_twenty_kills_at_any_moment_one_more_sync_makes_it_equal(
    forks: Any, install: Install
) -> None:
    draw = random.Random(3)
    with shop_elsewhere(sessions=500, days=5, days_ahead=30) as shop:
        place = install(shop.url, sync__reread_ratio=0)
        kills = completed = 0
        begun = time.monotonic()
        begin(forks, install(shop.url, "measure"), "sync").join(60)
        longest_s = 1.2 * (time.monotonic() - begun)
        while kills < KILLS or not completed:
            if kills == KILLS // 2:  # the first load as well as later syncs
                place = install(shop.url, "second", sync__reread_ratio=0)
            process = begin(forks, place, "sync")
            process.join(draw.uniform(0, longest_s))
            if process.is_alive():
                process.kill()
                process.join()
            if process.exitcode == -signal.SIGKILL:
                kills += 1
                # Others may have slowed this machine since it was measured.
                longest_s *= 1.02 if kills < KILLS else 1.5
            else:
                assert process.exitcode == 0
                completed += 1
            if kills % 10 == 0:
                assert_what_is_covered_is_there(place, shop)
            if draw.random() < 0.4:
                shop.advance(draw.choice([1, 61, HOUR_S, DAY_S // 2]))
        for name in ("place", "second"):
            place = install(shop.url, name, sync__reread_ratio=0)
            assert place.sync().outcome == "completed"
            assert_equal(place, listed(shop.url))
            assert_coverage_is_sane(place, shop.now)
            assert len(place.coverage()) == 1
            assert_history_is_a_chain(place)
            outcomes = [o for (o,) in place.rows("select outcome from meta.runs")]
            assert set(outcomes) <= {"completed", "interrupted"}
        assert completed > 0, "kills at every moment, the last one too"


def test_commands_killed_from_outside_leave_what_the_next_one_completes(install: Install) -> None:
    draw = random.Random(5)
    with shop_elsewhere(sessions=600, days=6, days_ahead=30, latency_ms=20) as shop:
        place = install(shop.url, sync__reread_ratio=0)
        for _ in range(3):
            process = subprocess.Popen(
                [sys.executable, "-m", "pipelines", "sync"],
                cwd=place.folder,
                stdout=subprocess.DEVNULL,
            )
            time.sleep(draw.uniform(0.3, 1.2))
            process.kill()
            process.wait()
            assert_what_is_covered_is_there(place, shop)
        assert place.call("sync").code == 0
        assert_equal(place, listed(shop.url))


@pytest.mark.parametrize("beside", ["sync", "backfill"])
def test_two_processes_at_once_end_as_one_after_the_other(
    beside: str, forks: Any, install: Install
) -> None:
    draw = random.Random(beside)
    other = (
        ["sync"] if beside == "sync" else ["backfill", "--from", "2026-09-01", "--to=2026-10-30"]
    )
    with shop_elsewhere(sessions=700, days=7, days_ahead=30, latency_ms=15) as shop:
        place = install(shop.url, sync__reread_ratio=0)
        for _ in range(3):
            both = [begin(forks, place, "sync"), begin(forks, place, *other)]
            # The shop changes while both are under way, so that they see it at different moments.
            for _ in range(3):
                time.sleep(draw.uniform(0, 0.15))
                api = listed(shop.url)
                changing = [i for i, s in api.items() if meant(s)["status"] == "open"]
                edit(shop.url, changing[:2], step=str(draw.random()))
                shop.advance(draw.choice([1, 5, 15]))
            for process in both:
                process.join(60)
                assert process.exitcode == 0
            assert_what_is_covered_is_there(place, shop)
            shop.advance(draw.choice([61, HOUR_S, 10 * HOUR_S]))
            # Nothing changes any more: what both leave is the API's state.
            both = [begin(forks, place, "sync"), begin(forks, place, *other)]
            for process in both:
                process.join(60)
                assert process.exitcode == 0
            assert_equal(place, listed(shop.url))
            assert_history_is_a_chain(place)
        unsettled = place.unsettled()
        assert len(unsettled) == place.rows("select count(*) from meta.unsettled")[0][0]
        assert_coverage_is_sane(place, shop.now)
        (counted,) = place.rows("select sum(inserted), sum(updated) from meta.runs")
        assert counted == (
            len(place.stored()),
            place.rows("select count(*) from checkout_session_history")[0][0],
        )


MOST_ROUNDS = 40


def runs_completed(place: Any) -> int:
    try:
        return place.rows("select count(*) from meta.runs where outcome = 'completed'")[0][0]
    except duckdb.IOException:  # a sync holds the file just now
        return 0


def test_a_verification_beside_a_living_shop_and_a_loop_of_syncs_raises_no_alarm(
    forks: Any, install: Install, tmp_path: Path
) -> None:
    draw = random.Random(11)
    with shop_elsewhere(sessions=500, days=4, days_ahead=30, latency_ms=5, late_s=60) as shop:
        for ratio in (0, 0.02):
            # Time goes by so fast that answers under way at once are minutes apart.
            place = install(shop.url, f"ratio{ratio}", sync__reread_ratio=ratio, sync__settle_s=900)
            assert place.sync().outcome == "completed"
            stop = tmp_path / f"stop{ratio}"
            loop = forks.Process(
                target=truth_process.sync_until,
                args=(str(place.folder), str(stop), dict(os.environ)),
            )
            mover = forks.Process(
                target=truth_process.advance_until, args=(shop.url, str(stop), draw.random())
            )
            loop.start()
            mover.start()
            before = shop.now
            rounds = []
            try:
                while len(rounds) < MOST_ROUNDS and not (
                    len(rounds) > 1 and shop.now - before > 5 * 60 and runs_completed(place) > 2
                ):
                    found = place.verify()
                    assert found.error is None
                    rounds.append(found)
            finally:
                stop.touch()
                for process in (loop, mover):
                    process.join(60)
            assert (loop.exitcode, mover.exitcode) == (0, 0)
            assert shop.now - before > 5 * 60, "time went by"
            assert runs_completed(place) > 2, "syncs ran beside it"
            for found in rounds:
                assert [(d.kind, d.paths) for d in found.alarms] == []
                assert found.exit_code == 0
                assert found.compared > 400
            assert json.loads(place.call("verify", "--json").out)["outcome"] == "completed"
