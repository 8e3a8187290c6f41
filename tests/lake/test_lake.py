"""What is only so in a lake: writers that overtake each other, its server, its files, the move."""

import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from installation import Done, finish
from truth_shop import DAY_S, NOW, Place, assert_equal, shown

from pipelines import load, places
from pipelines.emulator.app import Running
from pipelines.queries import literal, names, query
from pipelines.warehouse import Warehouse
from tests.lake.postgres import Postgres, make_database

CATALOG = "__ducklake_metadata_lake"
"""What DuckDB calls the catalog's database beside the lake."""

Start = Callable[..., Running]
Install = Callable[..., Place]


def lake_of(place: Place) -> places.Lake:
    lake = places.place_of(place.settings().warehouse)
    assert isinstance(lake, places.Lake)
    return lake


def one_line(done: Done) -> str:
    assert done.code == 5, done.err
    (line,) = done.err.splitlines()
    return line


def test_first_syncs_of_one_new_account_at_once_store_each_session_once(
    start: Start, install: Install
) -> None:
    emulator = start(latency_ms=20)
    place = install(emulator.url)
    several = [place.begin("sync") for _ in range(3)]
    for process in several:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    assert_equal(place, shown(emulator))
    assert len(place.coverage()) == 1
    assert place.rows("select count(*) from meta.accounts") == [(1,)]


def test_a_transaction_that_was_overtaken_is_done_again_on_what_the_other_left(
    start: Start, install: Install
) -> None:
    place = install(start(sessions=10).url)
    place.sync()
    other = Warehouse(places.place_of(place.settings().warehouse))
    # Any other writer, between this one's begin and its commit.
    slow = lake_of(place).connect(read_only=False)
    slow.execute("begin")
    lake_of(place).touch(slow)
    row = dict(
        zip(
            [c[0] for c in place.rows("select column_name from (describe meta.runs)")],
            place.rows("from meta.runs")[0],
            strict=True,
        )
    )
    row |= {"run_id": "another", "started_at": NOW, "ended_at": NOW}
    other.note_run(row)
    load.write_run(slow, row | {"run_id": "slow"})
    with pytest.raises(duckdb.Error) as failed:
        slow.execute("commit")
    failure = lake_of(place).failure(failed.value)
    assert failure is not None
    assert failure.passing
    assert ("another",) in place.rows("select run_id from meta.runs")


def test_a_file_moves_to_a_lake_with_all_it_knows(start: Start, install: Install) -> None:
    emulator = start(days_ahead=3)
    file = install(emulator.url, "file", warehouse__path="shop.duckdb")
    file.sync()
    emulator.advance(DAY_S)
    file.sync()
    lake = install(emulator.url, "lake")
    assert lake.sync(sync__start="2026-09-01").outcome == "completed"
    connection = lake_of(lake).connect(read_only=False)
    tables = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'lake'"
    ).fetchall()
    path = literal(str(file.settings().warehouse.path))
    connection.execute(f"attach {path} as shop (read_only)")
    connection.execute(query("lake/move"))
    connection.execute("detach shop")
    for (table,) in tables:
        if table not in ("meta.schema_version", "meta.settings", "meta.published"):
            key = "select * replace ('' as run_id)" if table == "meta.runs" else "select *"
            assert sorted(map(repr, lake.rows(f"{key} from {table}"))) == sorted(
                map(repr, file.rows(f"{key} from {table}"))
            ), table
    found = lake.verify()
    assert (found.outcome, found.holes) == ("completed", [])
    assert found.compared == len(shown(emulator))
    emulator.reset()
    assert lake.sync().outcome == "completed"
    assert_equal(lake, shown(emulator))


def test_small_files_are_merged_and_what_is_stored_stays(start: Start, install: Install) -> None:
    emulator = start(sessions=400, days=3, days_ahead=9)
    place = install(emulator.url)
    place.sync()
    for _ in range(6):
        emulator.advance(DAY_S)
        place.sync()
    before = place.stored()
    # Rows of the other tables lie in the catalog and get their first files by this.
    files = (
        "select sum(file_count) from ducklake_table_info('lake')"
        " where table_name like 'checkout_session%'"
    )
    ((many,),) = place.rows(files)
    connection = lake_of(place).connect(read_only=False)
    connection.execute(query("lake/tidy"))
    ((few,),) = place.rows(files)
    assert few < many
    assert place.stored() == before
    assert place.sync().outcome == "completed"
    assert_equal(place, shown(emulator))


def test_a_lake_is_published_as_parquet_and_only_what_changed_is_written_again(
    start: Start, install: Install, tmp_path: Path
) -> None:
    emulator = start(sessions=400, days=70, days_ahead=1)
    folder = tmp_path / "parquet"
    place = install(emulator.url, publish__parquet=str(folder), stripe__line_items=True)
    assert finish(place.begin("sync")).code == 0
    for name in ("checkout_sessions", "checkout_session_line_items", "marts/daily_sessions"):
        found = folder / f"{name}.parquet"
        files = str(found if found.exists() else folder / name / "*/*.parquet")
        counted = duckdb.execute("select count(*) from read_parquet(?)", [files]).fetchall()
        assert counted == place.rows(f"select count(*) from {name.replace('/', '.')}"), name
    before = {path: path.stat().st_mtime_ns for path in folder.glob("checkout_sessions/*/*")}
    assert len(before) >= 3
    emulator.advance(DAY_S)
    assert finish(place.begin("sync")).code == 0
    again = [path for path, at in before.items() if path.stat().st_mtime_ns != at]
    assert 0 < len(again) < len(before)


def test_sql_of_a_user_s_own_reads_the_lake_and_nothing_else(
    start: Start, install: Install
) -> None:
    place = install(start(sessions=50).url)
    place.sync()
    assert place.run("sql", "--format", "csv", "select count(*) from checkout_sessions").out == (
        "count_star()\n50\n"
    )
    for sql in (
        "delete from checkout_sessions",
        "copy (select 1) to 'warehouse.duckdb.lake/main/x.parquet'",
        "from read_csv('/etc/passwd')",
        "attach ':memory:' as other",
        "explain analyze copy (select 1) to 'warehouse.duckdb.lake/x.csv'",
        "call ducklake_expire_snapshots('lake', older_than => now())",
        "install spatial",
        # What PostgreSQL gets may end the transaction that only reads, and bring one that writes.
        f"from postgres_execute('{CATALOG}', 'commit; drop table ducklake_snapshot cascade')",
        f"""select (select 1 from "Postgres_Query"('{CATALOG}', 'select 1'))""",
        "from postgres_scan('host=127.0.0.1 port=1', 'public', 'customers')",
        "with there as (from system.main.postgres_attach('port=1')) from there",
        "from query('from postgres_scan(''port=1'', ''public'', ''customers'')')",
        "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
        "from lake.merge_adjacent_files()",
        "from ducklake_cleanup_old_files('lake', cleanup_all => true)",
        "describe from checkpoint('lake')",
    ):
        done = place.run("sql", sql)
        assert done.code == 2, sql
        assert len(done.err.splitlines()) == 1
        assert "--unsafe" in done.err or "DuckDB: " in done.err, sql
    for sql in ("from lake.snapshots()", "select list_filter([1], lambda x: x > 0), lower('A')"):
        assert place.run("sql", sql).code == 0
    for name in names("queries"):
        assert place.run("sql", "-q", name).code == 0, name
    assert place.sync().counts.unchanged > 0


def test_a_server_that_restarts_in_the_middle_costs_at_most_the_run(
    server: Postgres, start: Start, install: Install
) -> None:
    emulator = start(sessions=3_000, latency_ms=60)
    address = make_database(server.port, "lake")
    place = install(
        emulator.url,
        warehouse__path=address,
        warehouse__data_path="data",
        stripe__requests_per_second=20,
    )
    process = place.begin("sync")
    while not place.exists or not place.rows("select 1 from duckdb_tables()"):
        assert process.poll() is None
    server.restart()
    process.communicate(timeout=120)
    report = place.sync()
    assert report.outcome == "completed", report.error
    assert_equal(place, shown(emulator))
    assert len(place.coverage()) == 1


def test_a_password_comes_from_the_environment_and_is_never_told(
    server: Postgres, start: Start, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = make_database(server.port, "lake").replace("user=lake", "user=guarded")
    server.guard("guarded", "s3same-word")
    place = install(start(sessions=50).url, warehouse__path=address, warehouse__data_path="data")
    for environ in ({}, {"PGPASSWORD": "another-word"}):
        line = one_line(place.run("sync", **environ))
        assert "PGPASSWORD" in line
        assert "-word" not in line
    monkeypatch.setenv("PGPASSWORD", "s3same-word")
    done = place.run("sync", "--debug")
    assert done.code == 0, done.err
    assert "s3same-word" not in done.out + done.err
    told = place.run("sql", "from duckdb_databases()").out
    assert "guarded" in told
    assert "s3same-word" not in told


@pytest.mark.parametrize(
    ("setting", "was", "becomes", "word"),
    [
        ("DATA_PATH", ".*", "elsewhere", "warehouse.data_path"),
        ("PATH", "port=[0-9]+", "port=1", "Connection refused"),
        ("PATH", "dbname=.*", "dbname=nowhere", "does not exist"),
    ],
)
def test_a_lake_that_can_not_be_used_is_one_line(
    setting: str, was: str, becomes: str, word: str, start: Start, install: Install
) -> None:
    place = install(start(sessions=10).url)
    place.sync()
    value = re.sub(was, becomes, str(place.settings().warehouse.path), count=1)
    environ = {f"CHECKOUTS_WAREHOUSE__{setting}": value}
    for command in ("sync", "status"):
        line = one_line(place.run(command, CHECKOUTS_WAREHOUSE__LOCK_TIMEOUT_S="0.2", **environ))
        assert word in line


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of an object store on this machine."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 -- slow, and for this alone

    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    store.start()
    host, port = store.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "DUCKDB_S3_ENDPOINT": f"{host}:{port}",
        "DUCKDB_S3_USE_SSL": "false",
    }.items():
        monkeypatch.setenv(name, value)
    made = urllib.request.Request(f"http://{host}:{port}/shop", method="PUT")
    urllib.request.urlopen(made).close()
    yield "s3://shop/lake"
    store.stop()


def test_the_data_files_may_be_in_an_object_store(
    bucket: str, start: Start, install: Install
) -> None:
    emulator = start(days_ahead=3)
    place = install(emulator.url, warehouse__data_path=bucket)
    place.sync()
    emulator.advance(DAY_S)
    assert place.sync().outcome == "completed"
    assert_equal(place, shown(emulator))
    assert place.verify().outcome == "completed"
    assert not list(Path(place.folder).rglob("*.parquet"))
    done = place.run("sql", "--format", "csv", "select count(*) from checkout_sessions")
    assert done.out.split() == ["count_star()", str(len(shown(emulator)))]
