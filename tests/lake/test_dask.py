"""Many accounts on a Dask cluster, each with its own key and shop, into one lake."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from installation import finish
from truth_shop import DAY_S, NOW, Place, meant, said

from pipelines import places
from pipelines.emulator.access import Account
from pipelines.emulator.app import Options, Running, running
from tests.lake.postgres import Postgres, make_database
from tests.prefect_server import prefect_server

WORKERS = 3


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect server for all tests here."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as url:
        yield url


def installed(folder: Path, url: str, server: Postgres, prefect: str, accounts: int) -> Place:
    """An installation of many accounts; its runs find their keys in the environment."""
    place = Place(
        folder,
        url,
        warehouse__path=make_database(server.port, "lake"),
        warehouse__data_path="data",
        warehouse__lock_timeout_s=120,
        run__task_runner="dask",
        run__workers=WORKERS,
    )
    tree = json.loads((folder / "config.yaml").read_text())
    names = range(1, accounts + 1)
    tree["accounts"] = [{"name": f"shop{n}", "key_env": f"SHOP_{n}"} for n in names]
    (folder / "config.yaml").write_text(json.dumps(tree))
    for n in names:
        os.environ[f"SHOP_{n}"] = f"sk_test_{n}"
    os.environ["PREFECT_API_URL"] = prefect
    return place


def assert_each_account_equals_its_shop(place: Place, emulator: Running, accounts: int) -> None:
    rows = place.rows("select account, id, payload::varchar from checkout_sessions")
    stored = {(account, id_): said(text) for account, id_, text in rows}
    assert len(stored) == len(rows), "a session is stored twice"
    shown = {}
    for number in range(1, accounts + 1):
        store = emulator.emulator.store(Account(livemode=False, number=number))
        for body in store.bodies(int(emulator.now)):
            shown[f"shop{number}", meant(said(body))["id"]] = said(body)
    assert stored == shown


def workers_of(process: "subprocess.Popen[str]") -> list[int]:
    """The worker processes of a command's cluster."""
    found = subprocess.run(
        ["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in found.stdout.splitlines()]
    return [
        int(pid) for pid, parent, words in rows
        if int(parent) == process.pid and "spawn_main" in words
    ]  # fmt: skip


def run_through(accounts: int, sessions: int, tmp_path: Path, prefect: str) -> None:
    """A first load in whose middle a worker is killed and the catalog restarts, then a sync."""
    server = Postgres()
    options = Options(
        accounts=accounts, sessions=sessions, days=20, days_ahead=2, now=NOW, frozen=True,
        latency_ms=20,
    )  # fmt: skip
    try:
        with running(options) as emulator:
            place = installed(tmp_path / "place", emulator.url, server, prefect, accounts)
            process = place.begin("sync", "--json")
            outs: list[tuple[str, str]] = []
            reader = threading.Thread(target=lambda: outs.append(process.communicate()))
            reader.start()
            killed = restarted = False
            while process.poll() is None:
                done = loaded_accounts(place)
                if not killed and done >= accounts // 4 and workers_of(process):
                    os.kill(workers_of(process)[0], signal.SIGKILL)
                    killed = True
                if not restarted and done >= accounts // 2:
                    server.restart()
                    restarted = True
                time.sleep(0.2)
            reader.join()
            assert killed
            assert restarted
            ((out, err),) = outs
            assert "Traceback" not in err
            assert "distributed." not in err, "Dask's own log"
            emulator.advance(DAY_S)
            after = finish(place.begin("sync", "--json"), within_s=600)
            assert after.code == 0, after.out + after.err
            assert json.loads(after.out)["outcome"] == "completed"
            assert_each_account_equals_its_shop(place, emulator, accounts)
            assert "sk_test_" not in out + err + after.out + after.err
    finally:
        server.stop()


def loaded_accounts(place: Place) -> int:
    """How many accounts have been loaded so far; none while the catalog is away."""
    try:
        return int(place.rows("select count(distinct account) from meta.coverage")[0][0])
    except duckdb.Error as error:
        places.place_of(place.settings().warehouse).failure(error)  # which ends the connection
        return 0


def test_accounts_on_a_cluster_that_loses_a_worker_and_its_catalog_end_equal_to_the_api(
    tmp_path: Path, prefect: str
) -> None:
    run_through(12, 60, tmp_path, prefect)


@pytest.mark.long
def test_two_hundred_accounts_on_such_a_cluster_end_equal_to_the_api(
    tmp_path: Path, prefect: str
) -> None:
    run_through(200, 60, tmp_path, prefect)
