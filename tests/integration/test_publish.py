"""Published copies: consistent, current, and in nobody's way."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from installation import HOUR_S, Installation, finish, one_line

from pipelines import publish
from pipelines.emulator.app import Running
from pipelines.queries import names, query
from pipelines.schema import TABLES

Start = Callable[..., Running]
Install = Callable[..., Installation]

CONSISTENT = """
select
    (select count(*) from checkout_sessions) as sessions,
    (select sum(sessions_created) from marts.daily_sessions) as in_mart,
    (
        select count(*) from checkout_session_line_items as items
        anti join checkout_sessions as sessions on items.session_id = sessions.id
    ) as orphans,
    (
        select count(*) from checkout_sessions as sessions
        anti join checkout_session_line_items as items on items.session_id = sessions.id
        where sessions.line_items_complete and sessions.mode <> 'setup'
    ) as childless
"""
READER = f"""
import duckdb, pathlib, sys
copy, stop = sys.argv[1:]
rounds = most = 0
while not pathlib.Path(stop).exists():
    with duckdb.connect(copy, read_only=True) as connection:
        for _ in range(3):
            row = connection.execute('''{CONSISTENT}''').fetchone()
            sessions, in_mart, orphans, childless = row
            assert sessions == in_mart and sessions >= most, (sessions, in_mart, most)
            assert orphans == childless == 0, (orphans, childless)
            most, rounds = sessions, rounds + 1
print(rounds)
"""
HOLDER = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as connection:
    print("held", flush=True)
    sys.stdin.read()
"""


def published(place: Installation) -> Path:
    return place.folder / "out" / "read.duckdb"


def sync(place: Installation, **environ: str) -> dict[str, Any]:
    done = place.call("sync", "--json", **environ)
    assert (done.code, done.err) == (0, "")
    return done.object


@contextmanager
def holding(path: Path) -> Iterator[int]:
    """Another process has the file open for writing; gives its id."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.communicate()


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_copy_has_all_that_the_warehouse_has_and_is_its_owners_alone(
    start: Start, install: Install
) -> None:
    place = install(start(sessions=150).url, publish__path="out/read.duckdb")
    sync(place)
    copy = published(place)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    for sql in (
        "select * from checkout_sessions order by id",
        "select * from marts.daily_sessions order by all",
        "select * from meta.coverage",
        "select function_name from duckdb_functions() where not internal order by 1",
        "select table_name, column_name, comment from duckdb_columns() order by all",
    ):
        assert ask(copy, sql) == ask(place.warehouse, sql)
    assert ask(copy, "select count(*) from meta.published") == [(1,)]


def test_a_run_that_changes_nothing_leaves_the_copies_alone(start: Start, install: Install) -> None:
    emulator = start(sessions=60, days=2)
    place = install(emulator.url, publish__path="out/read.duckdb", publish__parquet="out/pq")
    sync(place)
    before = {path: path.stat().st_ino for path in (place.folder / "out").rglob("*.*")}
    assert sync(place)["updated"] == 0
    assert {path: path.stat().st_ino for path in (place.folder / "out").rglob("*.*")} == before
    emulator.advance(HOUR_S)
    assert sync(place)["inserted"] > 0
    assert published(place).stat().st_ino != before[published(place)]


def test_another_time_zone_reaches_the_copy_with_the_next_run(
    start: Start, install: Install
) -> None:
    place = install(start(sessions=50).url, publish__path="out/read.duckdb")
    sync(place)
    sync(place, CHECKOUTS_TIMEZONE="Asia/Tokyo")
    for path in (published(place), place.warehouse):
        ((apart,),) = ask(
            path,
            "select distinct created_local - (created at time zone 'UTC') from marts.sessions",
        )
        assert apart.total_seconds() == 9 * HOUR_S


def test_a_current_copy_answers_while_another_process_loads(start: Start, install: Install) -> None:
    emulator = start(sessions=150)
    place = install(emulator.url, publish__path="out/read.duckdb", warehouse__lock_timeout_s=0.2)
    sync(place)
    with holding(place.warehouse):
        for command in (("sql", "select 1"), ("status",), ("report",), ("verify", "--offline")):
            assert place.call(*command).code == 0, command


def test_without_a_current_copy_the_holder_is_named(start: Start, install: Install) -> None:
    place = install(
        start(sessions=50).url, publish__path="out/read.duckdb", warehouse__lock_timeout_s=0.2
    )
    sync(place)
    place.change("insert into checkout_sessions from checkout_sessions limit 1")
    with holding(place.warehouse) as pid:
        for command in (("sql", "select 1"), ("status",), ("report",)):
            done = place.call(*command)
            assert done.code == 5
            assert f"process {pid}" in one_line(done.err)
    assert "51" in place.call("sql", "select count(*) as n from checkout_sessions").out


@pytest.mark.parametrize(
    "syncs", [4, pytest.param(100, marks=pytest.mark.long)], ids=["4 syncs", "100 syncs"]
)
def test_a_reader_in_a_loop_sees_consistent_states_alone(
    syncs: int, start: Start, install: Install
) -> None:
    emulator = start(sessions=150, days=2, days_ahead=30)
    place = install(emulator.url, publish__path="out/read.duckdb")
    sync(place)
    stop = place.folder / "stop"
    command = [sys.executable, "-c", READER, str(published(place)), str(stop)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as reader:
        changed = 0
        for _ in range(syncs):
            emulator.advance(HOUR_S)
            report = sync(place)
            changed += report["inserted"] + report["updated"] > 0
        stop.touch()
        out, err = reader.communicate(timeout=60)
    assert (reader.returncode, err) == (0, "")
    assert int(out) > 0
    assert changed >= syncs / 2


def test_what_a_killed_run_left_behind_is_in_no_ones_way(start: Start, install: Install) -> None:
    place = install(start(sessions=50).url, publish__path="out/read.duckdb")
    published(place).parent.mkdir(parents=True)
    (published(place).parent / ".read.duckdb.part").write_bytes(b"half a file")
    sync(place)
    assert ask(published(place), "select count(*) from checkout_sessions") == [(50,)]
    assert not (published(place).parent / ".read.duckdb.part").exists()


def killed_while_it_writes(path: Path, sql: str) -> None:
    """What is committed then is in the file's log alone."""
    code = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute(sys.argv[2])"
    subprocess.run([sys.executable, "-c", f"{code}; os._exit(1)", str(path), sql], check=False)
    assert path.with_name(f"{path.name}.wal").exists()


def test_a_run_killed_while_it_stamps_the_copy_is_in_no_ones_way(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=50, days=2)
    place = install(emulator.url, publish__path="out/read.duckdb")
    sync(place)
    part = published(place).with_name(".read.duckdb.part")
    shutil.copyfile(place.warehouse, part)
    killed_while_it_writes(part, "insert into meta.published values ('', 0, 0)")
    emulator.advance(24 * HOUR_S)
    assert sync(place)["inserted"] > 0
    count = "select count(*) from checkout_sessions"
    assert ask(published(place), count) == place.rows(count)
    assert ask(published(place), "select count(*) from meta.published") == [(1,)]
    assert {path.name for path in published(place).parent.iterdir()} == {
        "read.duckdb",
        ".read.duckdb.lock",
    }


FORMAT = "select tags['storage_version'] from duckdb_databases() where not internal"


def test_of_a_warehouse_in_a_newer_format_the_copy_is_in_the_usual_one(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=50, days=2)
    place = install(emulator.url, publish__path="out/read.duckdb")
    sync(place)
    assert ask(place.warehouse, FORMAT) == ask(published(place), FORMAT) == [("v1.4.0+",)]
    newer = place.folder / "newer.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{place.warehouse}' as source (read_only)")
        connection.execute(f"attach '{newer}' as target (storage_version 'v2.0.0')")
        connection.execute("copy from database source to target")
    newer.replace(place.warehouse)
    emulator.advance(24 * HOUR_S)
    assert sync(place)["inserted"] > 0
    assert ask(published(place), FORMAT) == [("v1.4.0+",)]
    everything = "select * from checkout_sessions order by id"
    assert ask(published(place), everything) == ask(place.warehouse, everything)


def test_the_copy_has_what_is_in_the_warehouses_log_alone(start: Start, install: Install) -> None:
    place = install(start(sessions=50).url, publish__path="out/read.duckdb")
    sync(place)
    killed_while_it_writes(place.warehouse, "update checkout_sessions set status = 'noted'")
    publish.publish(place.settings(), anew=True)
    statuses = "select distinct status from checkout_sessions"
    assert ask(published(place), statuses) == [("noted",)]


@pytest.mark.parametrize("setting", ["path", "parquet"])
def test_a_copy_that_cannot_be_written_fails_the_run_and_loses_nothing(
    setting: str, start: Start, install: Install
) -> None:
    place = install(start(sessions=50).url, **{f"publish__{setting}": "file/out"})
    (place.folder / "file").write_text("in the way")
    done = place.call("sync", "--json")
    assert done.code == 5
    assert "file/out can't be published" in one_line(done.err)
    assert done.object["outcome"] == "failed"
    assert done.object["error"]["type"] == "WarehouseError"
    assert place.value("select count(*) from checkout_sessions") == 50
    (place.folder / "file").unlink()
    sync(place)
    assert (place.folder / "file" / "out").exists()


def told(place: Installation, who: str) -> list[int]:
    """How many sessions tell an address like that: in the warehouse, the copy and Parquet."""
    count = f"select count(*) from {{}} where customer_details_email like '{who}'"
    files = f"read_parquet('{place.folder}/out/pq/checkout_sessions/*/*.parquet')"
    ((in_parquet,),) = duckdb.execute(count.format(files)).fetchall()
    paths = (place.warehouse, published(place))
    return [*(ask(path, count.format("checkout_sessions"))[0][0] for path in paths), in_parquet]


@pytest.mark.parametrize("mended_by", ["sync", "forget"])
@pytest.mark.parametrize("command", ["forget", "reflatten"])
def test_what_was_taken_out_leaves_the_copies_with_the_next_command_if_they_failed(
    command: str, mended_by: str, start: Start, install: Install
) -> None:
    given = {"publish__path": "out/read.duckdb", "publish__parquet": "out/pq"}
    place = install(start(sessions=60, days=2).url, **given)
    sync(place)
    taken = "%"
    arguments, environ = ["reflatten"], {"CHECKOUTS_PRIVACY__DROP": "customer_details.email"}
    if command == "forget":
        ((taken,), *_) = place.rows(
            "select customer_details_email from checkout_sessions where contains(payload, '@')"
        )
        arguments, environ = ["forget", "--email", taken], {}
    assert min(told(place, taken)) > 0
    out = place.folder / "out"
    aside = out.rename(place.folder / "aside")
    out.write_text("in the way")
    done = place.call(*arguments, **environ)
    assert done.code == 5
    assert "can't be published" in one_line(done.err)
    out.unlink()
    aside.rename(out)
    in_warehouse, *elsewhere = told(place, taken)
    assert in_warehouse == 0
    assert min(elsewhere) > 0

    again = ["forget", "--email", "nobody@example.com"] if mended_by == "forget" else ["sync"]
    done = place.call(*again, **environ)
    assert (done.code, done.err) == (0, "")
    assert told(place, taken) == [0, 0, 0]
    before = published(place).stat().st_ino
    assert place.call(*again, **environ).code == 0
    assert published(place).stat().st_ino == before


def make_in_the_way(path: Path, what: str) -> None:
    """Put something where a copy is to go that is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if what in ("text", "log"):
        path.write_text("notes")
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "database":
        with duckdb.connect(str(path)) as connection:
            connection.execute("create table customers as select 1 as id")
    elif what == "warehouse":
        with duckdb.connect(str(path)) as connection:
            connection.execute(query("ddl/schemas"))
            connection.execute(query("ddl/meta"))


@pytest.mark.parametrize("what", ["text", "pipe", "database", "warehouse", "settings", "log"])
def test_what_is_no_copy_is_never_replaced_by_one_and_nothing_else_is_done(
    what: str, install: Install
) -> None:
    names = {"settings": "config.yaml", "log": "data/checkouts.duckdb.wal"}
    name = names.get(what, "out/read.duckdb")
    place = install("http://127.0.0.1:9", publish__path=name)
    path = place.folder / name
    make_in_the_way(path, what)
    before = path.read_bytes() if path.is_file() else None
    for command in (["sync"], ["reflatten"], ["forget", "--customer", "cus_ana"]):
        done = place.call(*command)
        assert done.code == 2
        assert "publish.path: " in one_line(done.err)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert path.is_fifo() == (what == "pipe")
    assert not place.warehouse.exists()
    assert [*path.parent.iterdir()] == [path]


def test_an_empty_file_is_replaced_by_the_copy(start: Start, install: Install) -> None:
    place = install(start(sessions=50).url, publish__path="out/read.duckdb")
    published(place).parent.mkdir()
    published(place).touch()
    sync(place)
    assert ask(published(place), "select count(*) from checkout_sessions") == [(50,)]


def test_a_copy_that_another_process_writes_to_is_left_alone_and_the_process_named(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=60, days=2)
    place = install(emulator.url, publish__path="out/read.duckdb")
    sync(place)
    emulator.advance(HOUR_S)
    with holding(published(place)) as pid:
        done = place.call("sync")
    assert done.code == 5
    assert f"process {pid}" in done.err
    assert "can't be published" in done.err
    sync(place)
    count = "select count(*) from checkout_sessions"
    assert ask(published(place), count) == place.rows(count)


def test_the_log_of_a_tool_that_wrote_into_the_copy_and_was_killed_spoils_no_later_copy(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=600, days=2)
    place = install(emulator.url, publish__path="out/read.duckdb")
    sync(place)
    killed_while_it_writes(published(place), "create table notes as select 1 as id")
    for _ in range(2):
        emulator.advance(HOUR_S)
        assert sync(place)["inserted"] > 0
        count = "select count(*) from checkout_sessions"
        assert ask(published(place), count) == place.rows(count)


def test_a_parquet_folder_of_another_program_is_left_as_it_is(
    start: Start, install: Install
) -> None:
    place = install(start(sessions=50).url, publish__parquet="pq")
    folder = place.folder / "pq"
    folder.mkdir()
    (folder / "main.ts").write_text("source")
    (folder / ".manifest.json").write_text('{"main.ts": {"file": "assets/main.js"}}')
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = place.call("sync")
    assert done.code == 2
    assert "publish.parquet: " in done.err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    # Not even where it is named among our own.
    (folder / ".manifest.json").write_text('{"main.ts": "", "../config.yaml": "", "state": ""}')
    sync(place)
    assert (folder / "main.ts").read_text() == "source"
    assert place.file.exists()
    assert (folder / "checkout_sessions").is_dir()


def test_a_file_that_was_taken_away_is_there_again_after_the_next_run(
    start: Start, install: Install
) -> None:
    place = install(
        start(sessions=90, days=70).url, publish__path="out/read.duckdb", publish__parquet="pq"
    )
    sync(place)
    taken, kept = sorted((place.folder / "pq/checkout_sessions").glob("*/*.parquet"))[:2]
    before = kept.stat().st_ino
    taken.unlink()
    published(place).unlink()
    assert sync(place)["inserted"] == 0
    assert taken.exists()
    assert published(place).exists()
    assert kept.stat().st_ino == before


def test_of_runs_that_end_together_each_publishes_all(start: Start, install: Install) -> None:
    place = install(
        start(sessions=300, days=120).url, publish__path="out/read.duckdb", publish__parquet="pq"
    )
    sync(place)
    # So that each has all files to write.
    (place.folder / "pq/.manifest.json").unlink()
    together = [place.begin("sync") for _ in range(4)]
    assert [done.code for done in map(finish, together)] == [0] * 4
    files = str(place.folder / "pq/checkout_sessions/*/*.parquet")
    assert duckdb.execute("select count(*) from read_parquet(?)", [files]).fetchall() == [(300,)]
    assert not list((place.folder / "pq").rglob("*.part"))


def test_the_copy_must_be_another_file_than_the_warehouse(install: Install) -> None:
    place = install("http://127.0.0.1:9", publish__path="data/checkouts.duckdb")
    done = place.call("status")
    assert done.code == 2
    assert "publish.path" in one_line(done.err)


def test_parquet_holds_tables_and_marts_and_only_changed_months_are_written_again(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=200, days=70)
    place = install(emulator.url, publish__parquet="pq")
    sync(place)
    folder = place.folder / "pq"
    for name in (*(table.name for table in TABLES), *(f"marts.{mart}" for mart in names("marts"))):
        count = place.value(f"select count(*) from {name}")
        files = [*folder.glob(name.replace(".", "/") + ".parquet")]
        files += folder.glob(name.replace(".", "/") + "/*/*.parquet")
        if count or files:
            given = [str(file) for file in files]
            ((found,),) = duckdb.execute("select count(*) from read_parquet(?)", [given]).fetchall()
            assert found == count, name
    (types,) = duckdb.execute(
        "select distinct typeof(created), typeof(amount_total_major), typeof(metadata),"
        " typeof(payment_method_types) from read_parquet(?)",
        [str(folder / "marts/sessions/*/*.parquet")],
    ).fetchall()
    assert types == (
        "TIMESTAMP WITH TIME ZONE",
        "DECIMAL(38,3)",
        "MAP(VARCHAR, VARCHAR)",
        "VARCHAR[]",
    )
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o77 == 0 for path in folder.rglob("*"))

    files = sorted((folder / "checkout_sessions").glob("*/*.parquet"))
    before = {path: path.stat().st_ino for path in files}
    oldest, *_, newest = files
    month = oldest.parent.name.removeprefix("month=")
    place.change(f"delete from checkout_sessions where strftime(created, '%Y-%m') = '{month}'")
    emulator.advance(24 * HOUR_S)
    sync(place)
    assert len(files) >= 3
    assert not oldest.exists()
    assert {path for path in files[1:] if path.stat().st_ino != before[path]} == {newest}
    manifest = json.loads((folder / ".manifest.json").read_bytes())
    assert str(newest.relative_to(folder)) in manifest
    assert str(oldest.relative_to(folder)) not in manifest
