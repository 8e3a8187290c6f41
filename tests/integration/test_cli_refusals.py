"""Wrong uses, one clear line each, and the right exit code."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from installation import KEY, Installation, finish, one_line

from pipelines.emulator.app import Running

Start = Callable[..., Running]
Install = Callable[..., Installation]

RANGE = ("--from", "2026-09-01", "--to", "2026-09-02")
STRIPES: dict[str, str | None] = {"CHECKOUTS_STRIPE__BASE_URL": "https://api.example.com"}
"""An API that isn't on this machine, so that a proxy is asked."""
WRONG: list[tuple[tuple[str, ...], dict[str, str | None], int, str]] = [
    # no command, or none that there is
    (("sink",), {}, 2, "sink"),
    (("--nonsense",), {}, 2, "--nonsense"),
    (("--json", "sync"), {}, 2, "--json"),
    # bytes that are no text, as Python has them
    (("list", "--customer", "\udcff"), {}, 2, "UTF-8"),
    (("list", "--customer=\udcff"), {}, 2, "UTF-8"),
    (("sql", "select '\udcff'"), {}, 2, "UTF-8"),
    (("sql", "-f", "\udcff"), {}, 2, "UTF-8"),
    (("\udcff",), {}, 2, "UTF-8"),
    # sync
    (("sync", "extra"), {}, 2, "extra"),
    (("sync", "--jsn"), {}, 2, "--jsn"),
    (("sync", "--account"), {}, 2, "--account"),
    (("sync", "--account", "nobody"), {}, 2, "'nobody'"),
    (("sync", "--config", "nowhere.yaml"), {}, 2, "nowhere.yaml"),
    (("sync", "--config", "."), {}, 2, "--config"),
    (("sync",), {"STRIPE_API_KEY": None}, 2, "STRIPE_API_KEY is not set"),
    (("sync",), {"STRIPE_API_KEY": ""}, 2, "STRIPE_API_KEY is not set"),
    (("sync",), {"STRIPE_API_KEY": "  "}, 2, "STRIPE_API_KEY is not set"),
    (("sync",), {"STRIPE_API_KEY": "sk_test_é"}, 2, "STRIPE_API_KEY"),
    (("sync",), {"STRIPE_API_KEY": "sk_test_a b"}, 2, "STRIPE_API_KEY"),
    (("sync",), {"STRIPE_API_KEY": "sk_test_a\nX: y"}, 2, "STRIPE_API_KEY"),
    (("sync",), {"STRIPE_API_KEY": "x" * 501}, 2, "STRIPE_API_KEY"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "http://api.stripe.com"}, 2, "http"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "http://127.0.0.1.evil.com"}, 2, "http"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "http://0.0.0.0:1"}, 2, "http"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "ftp://127.0.0.1"}, 2, "address"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "api.stripe.com"}, 2, "address"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": ""}, 2, "BASE_URL"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "https://"}, 2, "address"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "https://h:99999"}, 2, "address"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "https://u:p@api.stripe.com"}, 2, "user"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "https://api.stripe.com?a=1"}, 2, "query"),
    (("sync",), {"CHECKOUTS_STRIPE__API_VERSION": "newest"}, 2, "API_VERSION"),
    (("sync",), {"CHECKOUTS_STRIPE__REQUESTS_PER_SECOND": "0"}, 2, "REQUESTS_PER_SECOND"),
    (("sync",), {"CHECKOUTS_STRIPE__REQUESTS_PER_SECOND": "-1"}, 2, "REQUESTS_PER_SECOND"),
    (("sync",), {"CHECKOUTS_STRIPE__REQUESTS_PER_SECOND": "nan"}, 2, "REQUESTS_PER_SECOND"),
    (("sync",), {"CHECKOUTS_STRIPE__REQUESTS_PER_SECOND": "many"}, 2, "REQUESTS_PER_SECOND"),
    (("sync",), {"CHECKOUTS_STRIPE__LINE_ITEMS": "perhaps"}, 2, "LINE_ITEMS"),
    (("sync",), {"CHECKOUTS_STRIPE__RETRY_FOR_S": "forever"}, 2, "RETRY_FOR_S"),
    (("sync",), {"CHECKOUTS_WAREHOUSE__PATH": ""}, 2, "PATH"),
    (("sync",), {"CHECKOUTS_WAREHOUSE__LOCK_TIMEOUT_S": "-1"}, 2, "LOCK_TIMEOUT_S"),
    (("sync",), {"CHECKOUTS_SYNC__START": "long ago"}, 2, "START"),
    (("sync",), {"CHECKOUTS_SYNC__START": ""}, 2, "START"),
    (("sync",), {"CHECKOUTS_SYNC__SETTLE_S": "1.5"}, 2, "SETTLE_S"),
    (("sync",), {"CHECKOUTS_SYNC__SETTLE_S": "-1"}, 2, "SETTLE_S"),
    (("sync",), {"CHECKOUTS_SYNC__LATE_PAYMENT_DAYS": "x"}, 2, "LATE_PAYMENT_DAYS"),
    (("sync",), {"CHECKOUTS_SYNC__REREAD_RATIO": "2"}, 2, "REREAD_RATIO"),
    (("sync",), {"CHECKOUTS_SYNC__SCHEDULE": "hourly"}, 2, "SCHEDULE"),
    (("sync",), {"CHECKOUTS_TIMEZONE": "Berlin"}, 2, "TIMEZONE"),
    (("sync",), {"CHECKOUTS_TIMEZONE": "../../etc/passwd"}, 2, "TIMEZONE"),
    (("sync",), {"CHECKOUTS_TIMEZONE": ""}, 2, "TIMEZONE"),
    (("sync",), {"CHECKOUTS_STRIPE__KEY": KEY}, 2, "CHECKOUTS_STRIPE__KEY"),
    (("sync",), {"CHECKOUTS_NONSENSE": "1"}, 2, "CHECKOUTS_NONSENSE"),
    (("sync",), {"CHECKOUTS_STRIPE": "1"}, 2, "CHECKOUTS_STRIPE"),
    (("sync",), {"CHECKOUTS_ACCOUNTS": "[]"}, 2, "CHECKOUTS_ACCOUNTS"),
    (("sync",), {"CHECKOUTS_SYNC__START__X": "1"}, 2, "CHECKOUTS_SYNC__START__X"),
    (("sync",), {"CHECKOUTS_WAREHOUSE__PATH": "/proc/nowhere/x.duckdb"}, 5, "/proc/nowhere"),
    (("sync",), {"CHECKOUTS_WAREHOUSE__PATH": "config.yaml"}, 5, "no DuckDB file"),
    (("sync",), {"CHECKOUTS_WAREHOUSE__PATH": "config.yaml/x.duckdb"}, 5, "config.yaml"),
    (("sync",), {"CHECKOUTS_WAREHOUSE__PATH": "."}, 5, "is a folder"),
    (("sync",), {"CHECKOUTS_STRIPE__BASE_URL": "http://127.0.0.1:9"}, 3, "can't be reached"),
    (("sync",), STRIPES | {"HTTPS_PROXY": "http://[::1"}, 2, "HTTPS_PROXY holds no address"),
    (("sync",), STRIPES | {"HTTPS_PROXY": "http://u:integration"}, 2, "HTTPS_PROXY holds no"),
    (("sync",), STRIPES | {"HTTPS_PROXY": "http://"}, 2, "HTTPS_PROXY holds no address"),
    (("sync",), STRIPES | {"https_proxy": "ftp://u:integration@x"}, 2, "https_proxy names a"),
    (("sync", "--json"), STRIPES | {"ALL_PROXY": "socks5://x:1"}, 2, "ALL_PROXY names a SOCKS"),
    (("list",), STRIPES | {"ALL_PROXY": "socks5://x:1"}, 2, "ALL_PROXY names a SOCKS"),
    # backfill
    (("backfill",), {}, 2, "--from"),
    (("backfill", "--from", "2026-09-01"), {}, 2, "--to"),
    (("backfill", "--to", "2026-09-01"), {}, 2, "--from"),
    (("backfill", *RANGE, "extra"), {}, 2, "extra"),
    (("backfill", *RANGE), {"STRIPE_API_KEY": None}, 2, "STRIPE_API_KEY"),
    (("backfill", *RANGE, "--account", "nobody"), {}, 2, "nobody"),
    (("backfill", "--from", "2026-09-02", "--to", "2026-09-01"), {}, 2, "not after"),
    # list
    (("list", "--status", "closed"), {}, 2, "complete"),
    (("list", "--limit", "0"), {}, 2, "--limit"),
    (("list", "--limit", "101"), {}, 2, "--limit"),
    (("list", "--limit", "ten"), {}, 2, "--limit"),
    (("list", "--created", "soon"), {}, 2, "--created"),
    (("list", "--created-gte", "2026-99-01"), {}, 2, "--created-gte"),
    (("list", "--created", "1", "--created-gt", "1"), {}, 2, "exclude"),
    (("list", "--starting-after", "a", "--ending-before", "b"), {}, 2, "exclude"),
    (("list", "--starting-after", "cs_test_nobody"), {}, 3, "No such"),
    (("list", "--created", "999999999999999"), {}, 0, ""),
    (("list", "--account", "nobody"), {}, 2, "nobody"),
    (("list",), {"STRIPE_API_KEY": None}, 2, "STRIPE_API_KEY"),
    (("list",), {"STRIPE_API_KEY": "nonsense"}, 3, "401"),
    (("list", "extra"), {}, 2, "extra"),
    (("list", "--payment-intent", "pi_\udcff"), {}, 2, "is not UTF-8 text"),
    # forget
    (("forget", "--customer", "cus_\udcff"), {}, 2, "is not UTF-8 text"),
    (("forget", "--email", "\udcff"), {}, 2, "is not UTF-8 text"),
    (("forget", "--session", "\udcff"), {}, 2, "is not UTF-8 text"),
    # status
    (("status",), {}, 5, "there is no warehouse at"),
    (("status", "--json"), {}, 5, "checkouts.duckdb"),
    (("status", "--max-age", "soon"), {}, 2, "--max-age"),
    (("status", "--max-age", "2"), {}, 2, "--max-age"),
    (("status", "--max-age", "-2h"), {}, 2, "--max-age"),
    (("status", "--account", "nobody"), {}, 2, "nobody"),
    (("status", "extra"), {}, 2, "extra"),
    (("status",), {"CHECKOUTS_WAREHOUSE__PATH": "config.yaml"}, 5, "no DuckDB file"),
    # sql
    (("sql", "select 1"), {}, 5, "there is no warehouse at"),
    (("sql", "-q", "sessions_by_status"), {}, 5, "there is no warehouse at"),
    (("sql", "-q", "nonsense"), {}, 2, "nonsense"),
    (("sql", "-q", "../ddl/meta"), {}, 2, "../ddl/meta"),
    (("sql", "-q", ""), {}, 2, "query"),
    (("sql", ""), {}, 2, "SQL"),
    (("sql", "  "), {}, 2, "SQL"),
    (("sql", "select 1", "-q", "x"), {}, 2, "only one"),
    (("sql", "-f", "nowhere.sql"), {}, 2, "nowhere.sql"),
    (("sql", "-f", "."), {}, 2, "."),
    (("sql", "select 1", "--format", "xml"), {}, 2, "xml"),
    (("sql", "select 1", "--param", "k"), {}, 2, "--param"),
    (("sql", "select 1", "--param", "=v"), {}, 2, "--param"),
    (("sql", "select", "1"), {}, 2, "1"),
    (("sql", "select 1", "-o", "."), {}, 2, "-o"),
    # emulator
    (("emulator", "--port", "x"), {}, 2, "--port"),
    (("emulator", "--port", "70000"), {}, 2, "--port"),
    (("emulator", "--port", "-1"), {}, 2, "--port"),
    (("emulator", "--sessions", "-1"), {}, 2, "--sessions"),
    (("emulator", "--days", "0"), {}, 2, "--days"),
    (("emulator", "--now", "soon"), {}, 2, "--now"),
    (("emulator", "--now", "999999999999999", "--port", "0"), {}, 2, "--now"),
    (("emulator", "--latency-ms", "-1"), {}, 2, "--latency-ms"),
    (("emulator", "--requests-per-second", "-1"), {}, 2, "--requests-per-second"),
    (("emulator", "--late-s", "-1"), {}, 2, "--late-s"),
    (("emulator", "--load", "nowhere.json"), {}, 2, "nowhere.json"),
    (("emulator", "--load", "config.yaml", "--port", "0"), {}, 2, "--load"),
    (("emulator", "extra"), {}, 2, "extra"),
    # demo
    (("demo", "extra"), {}, 2, "extra"),
    (("demo", "--config", "nowhere.yaml"), {}, 2, "nowhere.yaml"),
]


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    WRONG,
    ids=[f"{n}-{w[0]}" for n, w in enumerate(WRONG)],
)
def test_a_wrong_use_gives_one_line_and_its_exit_code(
    arguments: tuple[str, ...],
    environ: dict[str, str | None],
    code: int,
    words: str,
    shop: Running,
    install: Install,
) -> None:
    place = install(shop.url, stripe__retry_for_s=0)
    done = place.call(*arguments, **environ)
    assert done.code == code, done
    if code:
        line = one_line(done.err)
        assert words in line
        assert done.out == ""
        assert "--debug" not in line
        given = environ.get("STRIPE_API_KEY")
        assert not given or len(given.strip()) < 8 or given not in done.err
    assert not place.warehouse.exists()


def test_no_arguments_show_the_help_as_a_wrong_use(shop: Running, install: Install) -> None:
    done = install(shop.url).run()
    assert done.code == 2
    assert "Usage: checkouts" in done.out + done.err


FILES = [
    ("stripe: [", "YAML"),
    ("- a\n", "keys and values"),
    ("hello", "keys and values"),
    ("stripe: 1", "stripe"),
    ("strip: {}", "'strip'"),
    ("stripe: {key: sk_test_integration}", "'stripe.key'"),
    ("stripe: {api_key: x}", "'stripe.api_key'"),
    ("stripe: {requests_per_second: fast}", "stripe.requests_per_second"),
    ("sync: {start: 2019-13-01}", "sync.start"),
    ("sync: {settle_s: null}", "sync.settle_s"),
    ("accounts: {name: x}", "accounts"),
    ("accounts: [{nam: x}]", "nam"),
    ("accounts: [{name: 'a b'}]", "name"),
    ("accounts: [{name: x}, {name: x}]", "two accounts"),
    ("accounts: [{key_env: X}]", "name"),
    ("accounts: [{name: x, start: never}]", "start"),
    ("accounts: [{name: x, stripe_account: cus_1}]", "stripe_account"),
    ("accounts: [{name: x, key: sk_test_integration}]", "key"),
    ("file: x", "'file'"),
    ("timezone: [1]", "timezone"),
    ("warehouse: {path: 1}", "warehouse.path"),
    ("\x00", "YAML"),
    ("a: &x [*x]", "a"),
    ("? [a]\n: b", ""),
    ("1: 2", "1"),
    ("stripe: {1: 2}", "1"),
]


@pytest.mark.parametrize(("text", "words"), FILES)
def test_a_wrong_config_file_gives_one_line_that_names_it(
    text: str, words: str, shop: Running, install: Install
) -> None:
    place = install(shop.url)
    place.file.write_text(text)
    done = place.call("sync")
    assert done.code == 2, done
    line = one_line(done.err)
    assert words in line
    assert "config.yaml" in line
    assert "--debug" not in line


def test_a_config_file_that_is_no_text_gives_one_line(shop: Running, install: Install) -> None:
    place = install(shop.url)
    place.file.write_bytes(b"\xff\xfe\x00")
    assert "config.yaml" in one_line(place.call("sync").err)


@pytest.mark.file
def test_a_folder_whose_name_is_no_text_gives_one_line(shop: Running, install: Install) -> None:
    place = install(shop.url, "\udcff")
    for command in (("sync",), ("status",), ("sql", "select 1")):
        done = place.run(*command)
        assert done.code == 2
        line = one_line(done.err)
        assert "warehouse.path" in line
        assert "not UTF-8" in line
    assert not place.warehouse.exists()


def test_empty_files_and_sections_mean_the_defaults(shop: Running, install: Install) -> None:
    place = install(shop.url)
    for text in ("", "# nothing\n", "publish:\nsync:\n", "accounts:\n"):
        place.file.write_text(text)
        done = place.call(
            "sync",
            CHECKOUTS_STRIPE__BASE_URL=shop.url,
            CHECKOUTS_STRIPE__REQUESTS_PER_SECOND="1000",
        )
        assert done.code == 0, (text, done)


def test_settings_are_found_upward_and_paths_belong_to_their_file(
    shop: Running, install: Install
) -> None:
    place = install(shop.url)
    deep = place.folder / "a" / "b"
    deep.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "sync"],
        cwd=deep, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert place.warehouse.exists()
    assert not (deep / "data").exists()


def test_a_working_directory_that_is_gone_is_told_and_not_needed_for_named_settings(
    loaded: Installation, tmp_path: Path
) -> None:
    for options in ((), ("--config", str(loaded.file))):
        gone = tmp_path / "gone"
        gone.mkdir()
        done = subprocess.run(
            ["sh", "-c", 'rmdir "$0" && exec "$@"', gone, sys.executable, "-m", "pipelines",
             "status", *options],
            cwd=gone, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == (0 if options else 2), done
        if not options:
            assert "the working directory can't be used" in one_line(done.stderr)


def test_only_sync_and_backfill_make_a_warehouse(start: Start, install: Install) -> None:
    emulator = start(sessions=20)
    place = install(emulator.url)
    for command in (("status",), ("sql", "select 1"), ("sql", "-q", "recent_runs"), ("list",)):
        place.call(*command)
        assert not place.warehouse.parent.exists()
    assert place.call("backfill", *RANGE).code == 0
    assert place.warehouse.exists()


HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""
CONTAINER = ("unshare", "--user", "--map-root-user", "--pid", "--fork")
"""Starts a command where the processes outside have no number."""


@contextmanager
def held(place: Installation) -> Iterator["subprocess.Popen[str]"]:
    """Have another process hold the warehouse's lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place.warehouse)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder  # at the end its input is closed, and with that it ends


def wait_until_it_waits(process: "subprocess.Popen[str]") -> str:
    """Read a command's log up to the line that says that it waits for the lock."""
    assert process.stderr is not None
    for line in process.stderr:
        if "trying again" in line:
            return line
    raise AssertionError("it ended without waiting")


@pytest.mark.parametrize(
    "command",
    [("sync",), ("sync", "--json"), ("status",), ("sql", "select 1"), ("backfill", *RANGE)],
)
def test_a_warehouse_in_use_is_named_with_its_holder(
    command: tuple[str, ...], start: Start, install: Install
) -> None:
    emulator = start(sessions=50)
    place = install(emulator.url)
    place.sync()
    before = place.warehouse.read_bytes()
    with held(place) as holder:
        done = place.call(*command, CHECKOUTS_WAREHOUSE__LOCK_TIMEOUT_S="0.2")
    assert done.code == 5
    line = one_line(done.err)
    assert str(holder.pid) in line
    assert str(place.warehouse) in line
    if "--json" in command:
        assert done.object["error"]["type"] == "WarehouseError"
    assert place.warehouse.read_bytes() == before
    assert place.call(*command).code == 0


def test_a_sync_waits_for_a_short_holder(start: Start, install: Install) -> None:
    emulator = start(sessions=50)
    place = install(emulator.url)
    place.sync()
    with held(place):
        waiting = place.begin("sync")
        emulator.advance(600)
    assert finish(waiting).code == 0


def test_a_holder_in_another_container_is_waited_for_too(start: Start, install: Install) -> None:
    if not shutil.which("unshare") or subprocess.run([*CONTAINER, "true"], check=False).returncode:
        pytest.skip("this machine makes no container")
    place = install(start(sessions=50).url)
    place.sync()
    with held(place):
        waiting = subprocess.Popen(
            [*CONTAINER, sys.executable, "-m", "pipelines", "sync", "--log-format", "text"],
            cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert "in use by a process elsewhere" in wait_until_it_waits(waiting)
    assert finish(waiting).code == 0


@pytest.mark.parametrize("command", ["sync", "verify"])
def test_the_lock_is_waited_for_once(command: str, start: Start, install: Install) -> None:
    place = install(start(sessions=50).url)
    place.sync()
    with held(place):
        done = place.run(command, "--log-format", "text", CHECKOUTS_WAREHOUSE__LOCK_TIMEOUT_S="0.5")
    assert done.code == 5
    # Each wait is planned twice as long as the one before, from 0.02 s on, and takes at least half
    # of that; so at most five fit into the time, and twice it would be some nine.
    assert 0 < done.err.count("trying again") <= 5


@pytest.mark.parametrize("command", ["sync", "verify"])
def test_ctrl_c_ends_the_wait_for_the_lock(command: str, start: Start, install: Install) -> None:
    place = install(start(sessions=50).url, warehouse__lock_timeout_s=3_600)
    place.sync()
    with held(place):
        waiting = place.begin(command, "--log-format", "text")
        wait_until_it_waits(waiting)
        waiting.send_signal(signal.SIGINT)
        done = finish(waiting)
    assert done.code == 130
    assert "interrupted" in done.err
    assert "Traceback" not in done.err


def _another_program(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table theirs as select 42 as answer")


def _schema_only(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table checkout_sessions (id varchar)")


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def _text(path: Path) -> None:
    path.write_text("not a database\n" * 1_000)


def _sqlite(path: Path) -> None:
    import sqlite3  # noqa: PLC0415 -- one case

    with sqlite3.connect(path) as connection:
        connection.execute("create table theirs (answer int)")


def _folder(path: Path) -> None:
    path.mkdir()


FOREIGN = {
    "another program's DuckDB file": (_another_program, "another program"),
    "a DuckDB file with a table of our name": (_schema_only, "another program"),
    "garbage": (_garbage, "no DuckDB file"),
    "text": (_text, "no DuckDB file"),
    "SQLite": (_sqlite, "no DuckDB file"),
    "a folder": (_folder, "is a folder"),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize(
    "command", [("sync",), ("status",), ("sql", "select 1"), ("backfill", *RANGE)]
)
def test_a_file_of_another_kind_is_refused_and_untouched(
    command: tuple[str, ...], kind: str, shop: Running, install: Install
) -> None:
    make, words = FOREIGN[kind]
    place = install(shop.url)
    place.warehouse.parent.mkdir()
    make(place.warehouse)
    before = None if place.warehouse.is_dir() else place.warehouse.read_bytes()
    done = place.call(*command)
    assert done.code == 5, done
    line = one_line(done.err)
    assert words in line
    assert str(place.warehouse) in line
    assert before is None or place.warehouse.read_bytes() == before
    assert [path.name for path in place.warehouse.parent.iterdir()] == ["checkouts.duckdb"]


@pytest.mark.parametrize("command", [("sync",), ("status",), ("sql", "select 1")])
def test_a_newer_layout_is_refused_and_untouched(
    command: tuple[str, ...], start: Start, install: Install
) -> None:
    emulator = start(sessions=20)
    place = install(emulator.url)
    place.sync()
    place.change("insert into meta.schema_version values (99, now())")
    before = place.warehouse.read_bytes()
    done = place.call(*command)
    assert done.code == 5
    assert "upgrade" in one_line(done.err)
    assert place.warehouse.read_bytes() == before


def test_an_empty_duckdb_file_is_taken_as_a_new_warehouse(shop: Running, install: Install) -> None:
    place = install(shop.url)
    place.warehouse.parent.mkdir()
    duckdb.connect(str(place.warehouse)).close()
    assert place.sync().outcome == "completed"


def test_a_cut_off_warehouse_gives_one_line(shop: Running, install: Install) -> None:
    place = install(shop.url)
    place.sync()
    whole = place.warehouse.read_bytes()
    for size in (0, 100, 5_000, len(whole) // 2):
        place.warehouse.write_bytes(whole[:size])
        for command in (("status",), ("sql", "select count(payload) from checkout_sessions")):
            done = place.call(*command)
            assert done.code in (0, 2, 5)
            if done.code:
                assert "--debug" not in one_line(done.err)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_a_file_without_permission_gives_one_line(start: Start, install: Install) -> None:
    emulator = start(sessions=20)
    place = install(emulator.url)
    place.sync()
    place.warehouse.chmod(0o400)
    place.warehouse.parent.chmod(0o500)
    assert place.run("status").code == 0
    done = place.run("sync")
    place.warehouse.parent.chmod(0o700)
    assert done.code == 5
    assert "permission" in one_line(done.err)


def test_debug_shows_a_traceback_and_never_the_key(shop: Running, install: Install) -> None:
    place = install(shop.url, stripe__retry_for_s=0)
    done = place.run("sync", "--debug", CHECKOUTS_STRIPE__BASE_URL="http://127.0.0.1:9")
    assert done.code == 3
    assert KEY not in done.err + done.out
    assert place.run("sync", "--debug").code == 0
    assert KEY not in place.run("list", "--debug", "--starting-after", "cs_nobody").err


def test_an_api_that_is_none_gives_one_line(
    shop: Running, install: Install, tmp_path: Path
) -> None:
    place = install(shop.url, stripe__retry_for_s=0)
    done = place.call("sync", CHECKOUTS_STRIPE__BASE_URL=f"{shop.url}/nowhere")
    assert done.code == 3
    assert "404" in one_line(done.err)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        address = server.stdout.readline().split("(")[1].split("/)")[0]
        page = tmp_path / "v1" / "checkout" / "sessions"
        page.mkdir(parents=True)
        found = place.call("sync", "--json", CHECKOUTS_STRIPE__BASE_URL=address)
        assert found.code == 3
        one_line(found.err)
        (page / "index.html").write_text(json.dumps({"object": "list"}))
        assert place.call("sync", CHECKOUTS_STRIPE__BASE_URL=address).code == 3
        server.terminate()


def test_an_emulator_that_throttles_is_retried_until_done(start: Start, install: Install) -> None:
    emulator = start(sessions=300, requests_per_second=3)
    place = install(emulator.url, stripe__requests_per_second=60, stripe__retry_for_s=60)
    done = place.call("sync", "--json")
    assert done.code == 0
    shown = done.object
    assert shown["retries"] > 0
    assert shown["requests"] == emulator.stats()["requests"]
    routes = emulator.stats()["routes"]
    further = routes["GET /v1/checkout/sessions/{id}/line_items"]["200"]
    assert shown["requests"] == shown["retries"] + shown["pages"] + further
    assert shown["inserted"] == 300


def test_an_emulator_can_be_started_used_moved_and_stopped(shop: Running, install: Install) -> None:
    import re  # noqa: PLC0415 -- one test
    import signal  # noqa: PLC0415 -- likewise

    import httpx  # noqa: PLC0415 -- likewise

    place = install(shop.url)
    for sign in (signal.SIGINT, signal.SIGTERM):
        process = place.begin(
            "emulator", "--port", "0", "--sessions", "30", "--days", "3", "--seed", "5",
            "--now", "2026-09-01", "--frozen", "--key", "sk_test_only", "--late-s", "5",
            "--days-ahead", "1", "--latency-ms", "1", "--requests-per-second", "100",
        )  # fmt: skip
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found
        url = found.group()
        assert httpx.get(f"{url}/v1/checkout/sessions", auth=(KEY, "")).status_code == 401
        page = httpx.get(f"{url}/v1/checkout/sessions", auth=("sk_test_only", ""))
        assert page.headers["date"] == "Tue, 01 Sep 2026 00:00:00 GMT"
        assert httpx.post(f"{url}/_emulator/advance?seconds=60").is_success
        other = place.call("emulator", "--port", url.rsplit(":", 1)[1])
        assert other.code == 2
        assert "--port" in one_line(other.err)
        process.send_signal(sign)
        assert finish(process).code in (0, 130)
