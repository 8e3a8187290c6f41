"""A person who is forgotten is in no data file of the lake any more, nor in its catalog."""

import subprocess
from pathlib import Path

import duckdb
import pytest
from installation import DAY_S, NOW, Installation
from scripted import Scripted
from test_guards import PAID, session
from test_personal_data import SECRETS, of_ana

from pipelines.runs import Options
from tests.lake.postgres import USER, Postgres, make_database

NAMED = (*SECRETS[:3], SECRETS[4], "Ana@example.com", "cus_ana")


@pytest.fixture
def place(server: Postgres, tmp_path: Path) -> Installation:
    """An installation with a server of its own, whose tables can be looked into."""
    return Installation(
        tmp_path / "place",
        "http://127.0.0.1:9",
        warehouse__path=make_database(server.port, "lake"),
        warehouse__data_path="data",
        sync__reread_ratio=0,
    )


def in_files(place: Installation) -> str:
    """All that the data files hold, rows that are gone too."""
    files = [*(place.folder / "data").rglob("*.parquet")]
    assert files
    return "\n".join(str(duckdb.read_parquet(str(file)).fetchall()) for file in files)


def in_catalog(server: Postgres) -> str:
    """All that the catalog's tables hold."""
    command = ["pg_dump", "-h", "127.0.0.1", "-p", str(server.port), "-U", USER, "lake"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def in_tables(server: Postgres) -> bytes:
    """The bytes of the catalog's tables, rows that are gone too."""
    server.checkpoint()
    return b"".join(path.read_bytes() for path in server.tables.rglob("*") if path.is_file())


def found(text: str | bytes) -> set[str]:
    if isinstance(text, bytes):
        return {name for name in NAMED if name.encode() in text}
    return {name for name in NAMED if name in text}


def test_a_person_is_forgotten_in_every_file_and_in_the_catalog(
    server: Postgres, place: Installation
) -> None:
    other = session(9, customer="cus_bo", customer_details={"email": "bo@example.com"})
    api = Scripted([of_ana(1), of_ana(2, amount_total="x"), of_ana(3), other], NOW)
    place.sync(Options(transport=api))
    api.sessions, api.now = [of_ana(1, **PAID), *api.sessions[1:]], NOW + 60
    assert place.sync(Options(transport=api)).counts.updated == 1
    assert found(in_files(place) + in_catalog(server)) == set(NAMED)
    orphan = next((place.folder / "data").rglob("*.parquet"))
    orphan.with_name("left-by-one-that-was-killed.parquet").write_bytes(orphan.read_bytes())

    done = place.call("forget", "--email", "ANA@example.com")
    assert (done.code, done.err) == (0, "")
    assert "3 sessions forgotten" in done.out
    assert found(in_files(place)) == set()
    assert found(in_catalog(server)) == set()
    assert found(in_tables(server)) == set()
    assert place.rows("select count(*) from checkout_session_history") == [(1,)]
    assert place.value("select customer_details_email from checkout_sessions where id like '%9'")

    api.sessions, api.now = [of_ana(1, **PAID, amount_subtotal=5), *api.sessions[1:]], NOW + 120
    place.backfill(NOW - DAY_S, NOW + DAY_S, Options(transport=api))
    assert place.value("select amount_subtotal from checkout_sessions where id like '%1'") == 5
    assert found(in_files(place) + in_catalog(server)) == set()
