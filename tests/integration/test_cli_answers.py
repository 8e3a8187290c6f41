"""What the commands answer: list, status, sql and --json, on a loaded warehouse."""

import csv
import io
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from comparison import scrubbed
from installation import DAY_S, KEY, NOW, REPORT_KEYS, Installation, one_line
from scripted import Scripted
from test_guards import session as open_session

from pipelines import cli
from pipelines.emulator.app import Running
from pipelines.runs import Options

Start = Callable[..., Running]
Install = Callable[..., Installation]
COMMANDS = tuple(cli.cli.commands)

MAY_BE_EMPTY = ("drift", "recent_changes", "rejects", "slowest_payments")
"""Named queries without an answer after one good sync."""


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(command: str, flag: str, loaded: Installation) -> None:
    done = loaded.call(*[part for part in (command, flag) if part])
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: checkouts")
    assert all(len(line) <= 100 for line in done.out.splitlines())
    if command:
        assert "--config" in done.out
        assert "--debug" in done.out
    else:
        assert set(re.findall(r"^  (\w+) {2,}\w", done.out, re.MULTILINE)) >= set(COMMANDS)


def test_help_needs_no_valid_settings(loaded: Installation) -> None:
    assert loaded.run("sync", "--help", CHECKOUTS_NONSENSE="1", STRIPE_API_KEY=None).code == 0
    assert loaded.run("--version").out.startswith("checkouts, version ")


def test_sync_and_backfill_print_exactly_the_contracts_object(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=200)
    place = install(emulator.url)
    for arguments in (
        ("sync", "--json"),
        ("sync", "--json"),
        ("backfill", "--from", "2026-09-15", "--to", "2026-09-16", "--json"),
        ("backfill", "--from", "2026-09-15", "--to", "2026-09-16", "--missing", "--json"),
    ):
        done = place.call(*arguments)
        assert (done.code, done.err) == (0, "")
        shown = done.object
        assert shown.keys() == REPORT_KEYS
        assert len(done.out.splitlines()) == 1
        assert shown["outcome"] == "completed"
        counted = ("inserted", "updated", "unchanged", "rejected")
        assert shown["sessions_read"] == sum(shown[name] for name in counted)
        for name in ("watermark", "newest_covered"):
            assert datetime.fromisoformat(shown[name]).tzinfo == UTC
        row = place.rows(
            "select requests, retries, pages, windows, sessions_read, inserted, updated,"
            " unchanged, rejected, outcome, account from meta.runs where run_id = ?",
            shown["run_id"],
        )
        names = ("requests", "retries", "pages", "windows", "sessions_read", *counted)
        assert row == [(*(shown[n] for n in names), shown["outcome"], shown["account"])]


def test_without_json_a_first_sync_says_what_it_made_and_did(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=200)
    place = install(emulator.url)
    done = place.call("sync")
    assert done.code == 0
    # Where that takes more than some seconds a line tells how far it is.
    assert all("back to" in line for line in done.err.splitlines())
    assert f"made {place.warehouse}" in done.out
    assert "200 sessions" in done.out
    assert "complete up to 2026-09-21" in done.out
    again = place.call("sync")
    assert "made" not in again.out
    ranged = place.call("backfill", "--from", "2026-09-15", "--to", "2026-09-16")
    assert "2026-09-15 00:00:00 UTC" in ranged.out
    zoned = place.call(
        "backfill", "--from", "2026-09-15", "--to", "2026-09-16", CHECKOUTS_TIMEZONE="Asia/Tokyo"
    )
    assert "2026-09-15 09:00:00 Asia/Tokyo" in zoned.out


def test_the_file_and_its_folder_are_their_owners_alone(loaded: Installation) -> None:
    assert stat.S_IMODE(loaded.warehouse.stat().st_mode) == 0o600
    assert stat.S_IMODE(loaded.warehouse.parent.stat().st_mode) == 0o700


def asked(url: str, **params: Any) -> dict[str, Any]:
    """The API's own answer."""
    response = httpx.get(f"{url}/v1/checkout/sessions", params=params, auth=(KEY, ""))
    page = response.raise_for_status().json()
    return {
        "object": "list",
        "has_more": page["has_more"],
        "data": [scrubbed(session) for session in page["data"]],
    }


def test_list_gives_the_apis_own_answer_for_every_filter(
    loaded: Installation, shop: Running
) -> None:
    sessions = shop.sessions()

    def example(*path: str) -> Any:
        for session in sessions:
            value: Any = session
            for name in path:
                value = value.get(name) if isinstance(value, dict) else None
            if value is not None:
                return value
        return "none_" + path[-1]

    email = example("customer_details", "email")
    middle = sessions[700]
    second = middle["created"]
    day = datetime.fromtimestamp(NOW - 5 * DAY_S, UTC)
    cases: list[tuple[list[str], dict[str, Any]]] = [
        ([], {}),
        *((["--status", s], {"status": s}) for s in ("open", "complete", "expired")),
        (["--customer", example("customer")], {"customer": example("customer")}),
        (
            ["--customer-account", example("customer_account")],
            {"customer_account": example("customer_account")},
        ),
        (["--customer-email", email], {"customer_details[email]": email}),
        (
            ["--payment-intent", example("payment_intent")],
            {"payment_intent": example("payment_intent")},
        ),
        (["--payment-link", example("payment_link")], {"payment_link": example("payment_link")}),
        (["--subscription", example("subscription")], {"subscription": example("subscription")}),
        (["--created", str(second)], {"created": second}),
        (["--created-gt", str(second)], {"created[gt]": second}),
        (["--created-gte", str(second), "--limit", "100"], {"created[gte]": second, "limit": 100}),
        (["--created-lt", str(second)], {"created[lt]": second}),
        (["--created-lte", str(second)], {"created[lte]": second}),
        (["--created-lt", day.isoformat()], {"created[lt]": NOW - 5 * DAY_S}),
        (
            ["--created-gte", f"{day:%Y-%m-%d}", "--limit", "3"],
            {"created[gte]": NOW - 5 * DAY_S - (NOW - 5 * DAY_S) % DAY_S, "limit": 3},
        ),
        (["--limit", "1"], {"limit": 1}),
        (["--starting-after", middle["id"]], {"starting_after": middle["id"]}),
        (["--ending-before", middle["id"]], {"ending_before": middle["id"]}),
        (
            ["--status=complete", f"--created-gt={second - DAY_S}", f"--created-lte={second}"],
            {"status": "complete", "created[gt]": second - DAY_S, "created[lte]": second},
        ),
    ]  # fmt: skip
    for arguments, params in cases:
        done = loaded.call("list", "--json", *arguments)
        assert (done.code, done.err) == (0, ""), arguments
        assert done.object == asked(shop.url, **params), arguments
        assert "client_secret" not in done.out


def test_list_shows_a_table_and_how_to_go_on(loaded: Installation, shop: Running) -> None:
    done = loaded.call("list", "--limit", "3")
    newest = [session["id"] for session in shop.sessions()[:3]]
    assert done.code == 0
    assert all(session_id in done.out for session_id in newest)
    assert f"--starting-after {newest[-1]}" in done.out
    assert loaded.call("list", "--customer", "cus_nobody").code == 0


@pytest.mark.parametrize("width", [20, 80, 120])
def test_list_on_a_narrow_terminal_says_how_to_see_all_of_it(
    width: int, loaded: Installation
) -> None:
    shown = on_terminal(loaded, width, "list", "--limit", "3").splitlines()
    heading = shown[0].split()
    (told,) = (line for line in shown if line.startswith("3 rows"))
    left = int(told.removeprefix("3 rows; ").split()[0])
    assert "status" in heading or width < 80
    assert len(heading) + left == 8
    assert told.endswith(f"more column{'s' if left > 1 else ''}: use --json")
    every = loaded.call("list", "--limit", "3", *told.rpartition(" use ")[2].split())
    assert len(every.object["data"]) == 3


def on_terminal(place: Installation, width: int, *arguments: str) -> str:
    """What a command prints on a terminal so many columns wide, without its colours."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *arguments],
        cwd=place.folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | {"COLUMNS": str(width)},
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):  # as Linux says its end
        while some := terminal.read(4096):
            printed += some
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode()).replace("\r\n", "\n")


def test_list_shows_a_session_whose_fields_are_not_what_they_should_be(
    start: Start, install: Install, tmp_path: Path
) -> None:
    fixture = Path(__file__).parents[1] / "data" / "checkout_session_fixture.json"
    session = json.loads(fixture.read_text())
    file = tmp_path / "odd.json"
    for odd in ("text", 5, ["a"], True):
        file.write_text(json.dumps(session | {"customer_details": odd, "amount_total": odd}))
        done = install(start(load=file).url).call("list")
        assert (done.code, done.err) == (0, "")
        assert session["id"] in done.out


def test_list_goes_on_in_the_direction_that_it_was_asked_for(
    loaded: Installation, shop: Running
) -> None:
    ids = [session["id"] for session in shop.sessions()]
    done = loaded.call("list", "--limit", "3", "--ending-before", ids[10])
    assert done.code == 0
    assert f"add --ending-before {ids[7]}\n" in done.out
    assert "--starting-after" not in done.out


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ((), {"STRIPE_API_KEY": "nonsense"}),
        (("--starting-after", "cs_test_nobody"), {}),
        ((), {"CHECKOUTS_STRIPE__BASE_URL": "http://127.0.0.1:9"}),
        ((), {"CHECKOUTS_STRIPE__BASE_URL": "/elsewhere"}),
    ],
)
def test_a_list_that_fails_says_nothing_of_loads(
    arguments: tuple[str, ...], environ: dict[str, str], loaded: Installation, shop: Running
) -> None:
    given = {
        name: shop.url + value if value.startswith("/") else value
        for name, value in environ.items()
    }
    done = loaded.call("list", *arguments, CHECKOUTS_STRIPE__RETRY_FOR_S="0", **given)
    assert done.code == 3
    line = one_line(done.err)
    assert ". Nothing was changed; " in line
    assert not re.search(r"loaded|next run", line)


STATUS_KEYS = {
    "account",
    "watermark",
    "newest_covered",
    "holes",
    "unsettled",
    "missing",
    "last_runs",
    "last_error",
    "rejects",
    "drift",
    "requests_last_30_days",
    "file_size_bytes",
}


def test_status_shows_what_is_stored(loaded: Installation) -> None:
    done = loaded.call("status", "--json")
    assert (done.code, done.err) == (0, "")
    shown = done.object
    assert shown.keys() >= STATUS_KEYS
    assert shown["account"] == "default"
    assert shown["watermark"] == shown["newest_covered"]
    assert shown["holes"] == []
    assert shown["unsettled"] == loaded.value("select count(*) from meta.unsettled")
    assert shown["missing"] == shown["rejects"] == shown["drift"] == 0
    assert shown["last_error"] is None
    assert shown["requests_last_30_days"] == loaded.value("select sum(requests) from meta.runs")
    assert shown["file_size_bytes"] == loaded.warehouse.stat().st_size
    (run,) = shown["last_runs"]
    assert run["outcome"] == "completed"
    assert datetime.fromisoformat(run["started_at"]).tzinfo == UTC
    text = loaded.call("status")
    assert (text.code, text.err) == (0, "")
    assert "complete up to  2026-09-21 14:1" in text.out
    assert str(loaded.warehouse) in text.out


def test_a_run_that_never_reached_the_api_is_the_last_one(install: Install) -> None:
    place = install("http://127.0.0.1:9", stripe__retry_for_s=0)

    def breaks_off(params: dict[str, str]) -> None:
        if "created[lte]" in params:
            raise httpx.ConnectError("no route")

    def never_answers(_: dict[str, str]) -> None:
        raise httpx.ReadTimeout("silence")

    api = Scripted([open_session(n, NOW - DAY_S - n) for n in range(150)], NOW, before=breaks_off)
    assert place.sync(Options(transport=api)).pages == 1
    api.before = never_answers
    assert place.backfill(NOW - DAY_S, NOW, Options(transport=api)).outcome == "failed"
    shown = place.call("status", "--json").object
    told = [(run["kind"], run["outcome"]) for run in shown["last_runs"]]
    assert told == [("backfill", "failed"), ("sync", "failed")]
    assert "didn't answer in time" in shown["last_error"]["message"]
    assert "last run        backfill failed, 2026-09-21" in place.call("status").out
    assert place.rows(
        "select last_run_kind, last_run_outcome, epoch(last_run_ended_at)::bigint"
        " from marts.freshness"
    ) == [("backfill", "failed", NOW)]


def test_runs_of_one_api_second_are_told_in_the_order_in_which_they_ended(
    install: Install,
) -> None:
    place = install("http://127.0.0.1:9", stripe__retry_for_s=0)
    api = Scripted([open_session(1, NOW - DAY_S)], NOW)
    place.sync(Options(transport=api))

    def refused(_: dict[str, str]) -> None:
        raise httpx.ConnectError("refused")

    def silent(_: dict[str, str]) -> None:
        raise httpx.ReadTimeout("silence")

    for api.before in (refused, silent):
        assert place.sync(Options(transport=api)).outcome == "failed"
    shown = place.call("status", "--json").object
    assert "didn't answer in time" in shown["last_error"]["message"]
    api.before = None
    last = place.sync(Options(transport=api))
    shown = place.call("status", "--json").object
    assert shown["last_runs"][0]["run_id"] == last.run_id
    assert place.rows("select last_run_outcome from marts.freshness") == [("completed",)]


def test_status_needs_no_key(loaded: Installation) -> None:
    assert loaded.call("status", STRIPE_API_KEY=None).code == 0
    assert loaded.call("sql", "select 1", STRIPE_API_KEY=None).code == 0


def test_max_age_alarms_when_a_watermark_is_older(start: Start, install: Install) -> None:
    emulator = start(sessions=20, days=1, now=None, frozen=False)
    place = install(emulator.url)
    place.sync()
    assert place.call("status", "--max-age", "2h").code == 0
    old = place.call("status", "--max-age", "1s", "--json")
    assert old.code == 6
    assert old.object["account"] == "default"
    assert "default" in one_line(old.err)
    later = install(emulator.url, "later")
    now = int(emulator.now)
    later.backfill(now - DAY_S // 2, now)
    assert later.call("status", "--max-age", "2h").code == 6


@pytest.mark.parametrize(
    ("row", "arguments"),
    [
        ("sync`, `backfill", ("backfill", "--from", "2026-09-15", "--to", "2026-09-16")),
        ("verify", ("verify", "--from", "2026-09-15", "--to", "2026-09-16")),
        ("verify --offline", ("verify", "--offline")),
        ("status", ("status",)),
    ],
)
def test_the_readme_names_every_key_of_what_json_prints(
    row: str, arguments: tuple[str, ...], start: Start, install: Install
) -> None:
    place = install(start(sessions=20).url)
    place.sync()
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (said,) = [line for line in readme.splitlines() if line.startswith(f"| `{row}` |")]
    shown = place.call(*arguments, "--json").object
    assert shown.keys() <= set(re.findall(r"`(\w+)`", said)) | {"outcome"}
    for check in shown.get("checks", []):
        assert check.keys() <= set(re.findall(r"`(\w+)`", said))


def test_sql_answers_in_every_format(loaded: Installation, tmp_path: Path) -> None:
    question = (
        "select id, created, amount_total, metadata, payment_method_types, livemode, invoice"
        " from checkout_sessions order by id limit 7"
    )
    as_json = json.loads(loaded.call("sql", question, "--format", "json").out)
    assert len(as_json) == 7
    rows = list(csv.DictReader(io.StringIO(loaded.call("sql", question, "--format", "csv").out)))
    assert [row["id"] for row in rows] == [row["id"] for row in as_json]
    assert [json.loads(row["metadata"] or "null") for row in rows] == [
        row["metadata"] for row in as_json
    ]
    assert [row["livemode"] for row in rows] == ["false"] * 7  # as JSON and DuckDB write it
    assert all(isinstance(row["payment_method_types"], list) for row in as_json)
    assert all(datetime.fromisoformat(row["created"]).tzinfo == UTC for row in as_json)
    table = loaded.call("sql", question)
    assert as_json[0]["id"] in table.out
    assert "7 rows" in table.out
    assert loaded.call("sql", question, "--format", "table").out == table.out
    for ending in ("csv", "json", "parquet"):
        out = tmp_path / f"out.{ending}"
        done = loaded.call("sql", question, "-o", str(out))
        assert (done.code, done.out) == (0, "")
        assert str(out) in done.err
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 7
    assert json.loads((tmp_path / "out.json").read_text()) == as_json
    assert (tmp_path / "out.csv").read_text() == loaded.call("sql", question, "--format", "csv").out


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("select 1 as a, 2 as a", ["a", "a_1"]),
        ("select 1 as a, 2 as a, 3 as a, 4 as a_1, 5 as A", ["a", "a_1", "a_2", "a_1_1", "A_3"]),
        ("select 1 as a_1, 2 as a, 3 as a, 4 as a", ["a_1", "a", "a_2", "a_3"]),
        ("select 1 as x, 2 as y", ["x", "y"]),
    ],
)
def test_columns_of_one_name_keep_their_own_values(
    question: str, named: list[str], loaded: Installation, tmp_path: Path
) -> None:
    values = list(range(1, len(named) + 1))
    assert loaded.rows(f"select column_name from (describe from ({question}))") == [
        (name,) for name in named
    ]
    as_json = loaded.call("sql", question, "--format", "json").out
    assert json.loads(as_json) == [dict(zip(named, values, strict=True))]
    as_csv = list(csv.reader(loaded.call("sql", question, "--format", "csv").out.splitlines()))
    assert [int(value) for value in as_csv[1]] == values
    assert [name.lower() for name in as_csv[0]] == re.findall(r"as (\w+)", question.lower())
    table = loaded.call("sql", question).out.splitlines()
    assert table[0].split() == as_csv[0]
    assert table[2].split() == as_csv[1]
    for ending, printed in (("csv", as_csv), ("json", as_json)):
        out = tmp_path / f"out.{ending}"
        assert loaded.call("sql", question, "-o", str(out)).code == 0
        written = out.read_text()
        assert (list(csv.reader(written.splitlines())) if ending == "csv" else written) == printed
    out = tmp_path / "out.parquet"
    assert loaded.call("sql", question, "-o", str(out)).code == 0
    assert pq.read_table(out).to_pylist() == json.loads(as_json)


def test_a_join_of_tables_loses_no_column(loaded: Installation) -> None:
    question = (
        "select * from checkout_sessions as s join checkout_session_line_items as i"
        " on i.account = s.account and i.session_id = s.id order by s.id, i.position limit 1"
    )
    (row,) = json.loads(loaded.call("sql", question, "--format", "json").out)
    ((session, item, columns),) = loaded.rows(
        "select s.id, i.id, (select count(*) from duckdb_columns() where table_name in"
        " ('checkout_sessions', 'checkout_session_line_items') and schema_name = 'main')"
        + question.removeprefix("select *")
    )
    assert (row["id"], row["id_1"], len(row)) == (session, item, columns)


def test_sql_takes_a_file_and_parameters(loaded: Installation, tmp_path: Path) -> None:
    file = tmp_path / "question.sql"
    file.write_text("-- é\nselect count(*) as n from checkout_sessions where status = $status\n")
    done = loaded.call("sql", "-f", str(file), "--param", "status=open", "--format", "json")
    assert json.loads(done.out) == [
        {"n": loaded.value("select count(*) from checkout_sessions where status = 'open'")}
    ]
    done = loaded.call(
        "sql", "select $a as a, $b as b", "--param", "a=x=y", "--param", "b=", "--format", "json"
    )
    assert json.loads(done.out) == [{"a": "x=y", "b": ""}]
    # A value is compared as what it is compared with: a number here, not a text.
    for column, value in (("amount_total", "10000"), ("created", "2026-09-15"), ("livemode", "1")):
        question = f"select count(*) as n from checkout_sessions where {column} >= $value"
        done = loaded.call("sql", question, "--param", f"value={value}", "--format", "json")
        expected = loaded.value(question.replace("$value", f"'{value}'"))
        assert json.loads(done.out) == [{"n": expected}]
    question = "select $days::int + 1 as n"
    assert '"n": 8' in loaded.call("sql", question, "--param", "days=7", "--format", "json").out
    assert loaded.run("sql", "-f", "-", "--format", "json").code == 2  # stdin is empty here


def test_every_named_query_answers_on_a_loaded_warehouse(loaded: Installation) -> None:
    shown = loaded.call("sql")
    names = [line.split()[0] for line in shown.out.splitlines()]
    folder = Path(__file__).parents[2] / "sql" / "queries"
    assert names == sorted(path.stem for path in folder.glob("*.sql"))
    for name in names:
        done = loaded.call("sql", "-q", name, "--format", "json")
        assert (done.code, done.err) == (0, ""), name
        rows = json.loads(done.out)
        assert rows or name in MAY_BE_EMPTY, name
        assert loaded.call("sql", "-q", name).code == 0


def test_every_column_of_every_table_and_mart_has_a_comment(loaded: Installation) -> None:
    rows = json.loads(loaded.call("sql", "-q", "data_dictionary", "--format", "json").out)
    shown = {(row["table_name"], row["column_name"]): row["comment"] for row in rows}
    assert {table for table, _ in shown} >= {
        "main.checkout_sessions",
        "marts.sessions",
        "meta.runs",
    }
    assert [column for column, comment in shown.items() if not comment] == []
    assert shown == {
        (f"{schema}.{table}", column): comment  # as other tools see it, without the query
        for schema, table, column, comment in loaded.rows(
            "select schema_name, table_name, column_name, comment from duckdb_columns()"
            " where not internal"
        )
    }
    items = "main.checkout_session_line_items"
    for column in ("id", "amount_total", "price_product"):
        assert shown["marts.line_items", column] == shown[items, column]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into checkout_sessions (id) values ('x')",
        "update checkout_sessions set id = 'x'",
        "delete from meta.coverage",
        "drop table checkout_sessions",
        "create table mine (x int)",
        "create view mine as select 1",
        "alter table checkout_sessions add column x int",
        "truncate meta.runs",
        "attach 'other.duckdb'",
        "attach ':memory:' as other",
        "copy checkout_sessions to 'out.csv'",
        "copy (select 1) to 'out.parquet'",
        "export database 'out'",
        "import database 'out'",
        "select * from read_csv('config.yaml')",
        "select * from read_text('config.yaml')",
        "select * from 'config.yaml'",
        "select * from read_blob('/etc/passwd')",
        "select * from glob('*')",
        "select * from read_parquet('http://127.0.0.1:9/x.parquet')",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "reset enable_external_access",
        "set lock_configuration = false",
        "pragma enable_external_access = true",
        "set temp_directory = '/tmp'",
        "select 1; drop table checkout_sessions",
        "begin; delete from checkout_sessions; commit",
        "create secret s (type s3)",
        "selec 1",
        "select no_such_column from checkout_sessions",
        "select $missing",
        "select 1 +",
        "select 1/0::int, error('no')",
    ],
)
def test_sql_can_only_read_the_warehouse(statement: str, loaded: Installation) -> None:
    before = loaded.warehouse.read_bytes()
    files = sorted(loaded.folder.rglob("*"))
    done = loaded.call("sql", statement)
    assert done.code == 2, done.out
    one_line(done.err)
    assert done.out == ""
    assert loaded.warehouse.read_bytes() == before
    assert sorted(loaded.folder.rglob("*")) == files


@pytest.mark.parametrize(
    ("cast", "words"),
    [
        ("payload::int", "Failed to cast value to numerical: … when casting from source column"),
        ("payload::int[]", "got OBJECT: … when casting from source column payload"),
        ("(payload->>'id')::date", "invalid date field format: …, expected format is (YYYY-MM-DD)"),
        ("customer_details_email::int", "Could not convert string … to INT32 when casting from"),
        ("customer_details_email::uuid", "source column customer_details_email"),
        ("customer_details_email::decimal(5, 2)", "to DECIMAL(5,2) when casting from"),
        ("customer_details_email::int[]", "with value … can't be cast to the destination type"),
        ("customer_details_email::json", "Malformed JSON at byte 0 of input"),
        ("('it''s ' || customer_details_email)::int", "Could not convert string … to INT32"),
        ("(customer_details_email || '\n\nLINE 1')::int", "Could not convert string …"),
        ("strptime(customer_details_email, '%Y')", "Could not parse string …"),
        ("json_extract(customer_details_email, '$.a')", "Input: …"),
        ("(7130000000 + length(payload))::int", "with value … can't be cast because the value is"),
    ],
)
def test_what_sql_cannot_cast_is_told_without_the_value(
    cast: str, words: str, loaded: Installation
) -> None:
    # One row has the same value whatever order DuckDB reads in.
    ((id_, email),) = loaded.rows(
        "select id, customer_details_email from checkout_sessions"
        " where customer_details_email is not null order by id limit 1"
    )
    done = loaded.call("sql", f"select {cast} from checkout_sessions where id = '{id_}'")
    assert done.code == 2
    line = one_line(done.err)
    assert words in line
    assert not any(each in line for each in (id_, email, email.split("@")[0], "713"))


@pytest.mark.parametrize(
    "statement", ["select no_such_column from checkout_sessions", "select 1 as 'a' frm 'b'"]
)
def test_what_is_wrong_with_sql_itself_is_told_in_its_words(
    statement: str, loaded: Installation
) -> None:
    line = one_line(loaded.call("sql", statement).err)
    assert '"no_such_column"' in line or 'at or near "' in line


@pytest.mark.parametrize(
    "value",
    [
        "interval 3 days",
        "null",
        "'nan'::double",
        "'infinity'::double",
        "12345678901234567890123456789::hugeint",
        "1.50::decimal(10,2)",
        "time '10:00'",
        "date '2026-01-01'",
        "timestamp '2026-01-01'",
        "'infinity'::timestamptz",
        "timestamp '290000-01-01'",
        "date '-0044-03-15'",
        "uuid()",
        "'\\x01'::blob",
        "'101'::bit",
        "[1, null]",
        "{'a': [1]}",
        "map {'a': 1}",
        "map {1: 2}",
        "'a'::enum('a', 'b')",
        "'{\"a\": 1}'::json",
        "union_value(n := 1)",
        "chr(27) || '[31m'",
        "'[bold]x[/bold]'",
        "'a' as x, 'b' as x",
        "null::interval",
        "[interval 1 day, null]",
        "{'a': interval 1 hour}",
        "map {interval 1 day: interval 2 days}",
        "array_value(interval 1 day, interval 2 days)",
        "union_value(n := interval 1 day)",
        "row(1, interval 1 day)",
        "timetz '12:34:56+02'",
        "timestamp_s '2026-01-01 12:34:56'",
        "timestamp_ms '2026-01-01 12:34:56.123'",
        "timestamp_ns '2026-01-01 12:34:56.123456789'",
        "[timestamp_ns '2026-01-01 12:34:56.123456789']",
        "'-infinity'::date",
        "[date 'infinity']",
        "{'a': timestamptz '-infinity'}",
        "map {'a': [timestamp 'infinity']}",
        "map {date '2026-01-01': 1}",
        "map {1::hugeint: 1}",
        "map {'nan'::double: 1}",
        "map {[1]: {'a': 1}}",
        "['x'::blob]",
        "['1'::bit]",
        "(-1)::hugeint",
        "'340282366920938463463374607431768211455'::uhugeint",
        "'123'::bignum",
        "[{'e': 'a'::enum('a', 'b'), 'i': interval 1 day}]",
        "[null]",
        "[1::variant, {'a': date '2026-01-01'}::variant]",
    ],
)
def test_sql_shows_every_kind_of_value(value: str, loaded: Installation, tmp_path: Path) -> None:
    done = loaded.call("sql", f"select {value}", "-o", str(tmp_path / "out.parquet"))
    assert done.code == 0, done.err
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 1
    for form in ("json", "csv", "table"):
        done = loaded.call("sql", f"select {value}", "--format", form)
        assert (done.code, done.err) == (0, ""), done.err
        assert not re.search(r"MonthDayNano|(?<!')b'|datetime|out of range", done.out)
        if form == "json":
            json.loads(done.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        if form == "table":
            assert "\x1b" not in done.out


@pytest.mark.parametrize(
    "value",
    [
        "interval 30 minutes",
        "interval '1 day 02:00:00'",
        "interval '-1 month 3 days 02:00:00.5'",
        "timetz '12:34:56+02'",
        "'101'::bit",
        "'340282366920938463463374607431768211455'::uhugeint",
        "'infinity'::date",
        "'-infinity'::timestamptz",
        "timestamp '290000-01-01 12:00:00'",
        "date '-0044-03-15'",
        "timestamptz '-0044-03-15 12:00:00+00'",
        "timestamp_ns '2026-01-01 12:34:56.123456789'",
        "union_value(n := interval 1 day)",
    ],
)
def test_what_other_programs_have_no_type_for_is_text_as_duckdb_writes_it(
    value: str, loaded: Installation
) -> None:
    ((text,),) = loaded.rows(f"select ({value})::varchar")
    question = f"select {value} as one, [{value}] as many, 1 as one"
    (row,) = json.loads(loaded.call("sql", question, "--format", "json").out)
    assert row == {"one": text, "many": [text], "one_1": 1}
    printed = loaded.call("sql", question, "--format", "csv").out
    assert list(csv.reader(io.StringIO(printed)))[1] == [text, json.dumps([text]), "1"]
    assert loaded.call("sql", question).out.splitlines()[2].startswith(f"{text} ")


def test_csv_of_many_rows_is_whole_and_a_closed_pipe_is_no_error(loaded: Installation) -> None:
    many = "select range as n from range(200000)"
    whole = loaded.run("sql", many, "--format", "csv")
    assert len(whole.out.splitlines()) == 200_001
    piped = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m pipelines sql '{many}' --format csv | head -1"],
        cwd=loaded.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert piped.stdout == "n\n"
    assert piped.stderr == ""


@pytest.mark.file
def test_sql_cannot_write_over_the_warehouse_itself(loaded: Installation) -> None:
    before = loaded.warehouse.read_bytes()
    for target in (loaded.warehouse, f"{loaded.warehouse}.wal"):
        for explain in ("", "explain analyze "):
            done = loaded.call(
                "sql", f"{explain}copy (select 1) to '{target}' (use_tmp_file false)"
            )
            assert done.code == 2
            assert "SELECT" in done.err
    assert loaded.warehouse.read_bytes() == before


def test_a_reader_that_goes_early_changes_no_exit_code(loaded: Installation) -> None:
    for arguments, code in (
        (("sql", "select range from range(100000)", "--format", "json"), 0),
        (("sql", "select id from checkout_sessions"), 0),
        (("status", "--max-age", "0s"), 6),
    ):
        process = loaded.begin(*arguments)
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(timeout=60)
        assert process.returncode == code
        assert "Broken" not in err


def test_a_run_ends_as_it_would_where_nobody_reads_its_progress(
    start: Start, install: Install
) -> None:
    # So slow that there is a line of progress, and then more of the run.
    place = install(start(sessions=900, days=3, latency_ms=50).url)
    process = place.begin("sync", CHECKOUTS_STRIPE__REQUESTS_PER_SECOND="2")
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(60) == 0
    assert place.runs() == [("sync", "completed")]


def test_output_is_utf_8_whatever_the_locale_is(loaded: Installation) -> None:
    for form in ("table", "csv", "json"):
        done = loaded.run("sql", "select 'é€😀' as a", "--format", form, PYTHONIOENCODING="ascii")
        assert (done.code, done.err) == (0, "")
        assert "é€😀" in done.out


def test_output_that_cannot_be_written_gives_one_line(loaded: Installation) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 -- a device
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", "sql", "select 1"],
            cwd=loaded.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "No space left" in one_line(done.stderr)


def test_a_closed_stderr_stops_no_sync_and_leaves_its_object_alone(loaded: Installation) -> None:
    done = subprocess.run(
        f"exec {sys.executable} -m pipelines sync --json 2>&-",
        shell=True,
        cwd=loaded.folder,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["outcome"] == "completed"


@pytest.mark.parametrize(
    "name", ["data/checkouts.duckdb", "data/../data/copy.duckdb", "config.yaml"]
)
def test_no_answer_is_written_over_the_warehouse_its_copy_or_the_settings(
    name: str, loaded: Installation
) -> None:
    copy = {"CHECKOUTS_PUBLISH__PATH": str(loaded.folder / "data" / "copy.duckdb")}
    before = loaded.warehouse.read_bytes()
    for arguments in (("sql", "select 1", "--format", "csv"), ("report",)):
        done = loaded.call(*arguments, "-o", name, **copy)
        assert done.code == 2
        assert "name another file" in one_line(done.err)
    assert loaded.warehouse.read_bytes() == before


@pytest.mark.parametrize("arguments", [("sql", "select 1"), ("report",)], ids=["sql", "report"])
def test_a_link_to_itself_can_be_no_output(
    arguments: tuple[str, ...], loaded: Installation, tmp_path: Path
) -> None:
    link = tmp_path / "loop.csv"
    link.symlink_to(link.name)
    done = loaded.call(*arguments, "-o", str(link))
    assert done.code == 2
    assert f"-o {link}: " in one_line(done.err)
    assert link.is_symlink()


def test_an_answer_that_cannot_be_written_leaves_what_was_there(
    loaded: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "answer.csv"
    loaded.call("sql", "select 1 as one", "-o", str(file))
    assert loaded.call("sql", "select 2 as two", "-o", f"{file}/x.csv").code == 2
    assert loaded.call("sql", "select no", "-o", str(file)).code == 2
    assert loaded.call("sql", "select 2 as two", "-o", str(file), "--format", "table").code == 2
    assert file.read_text() == "one\n1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["answer.csv"]


def test_sql_from_a_file_that_is_no_text_gives_one_line(
    loaded: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "query.sql"
    file.write_bytes(b"select '\xff'")
    done = loaded.call("sql", "-f", str(file))
    assert done.code == 2
    assert "not UTF-8" in one_line(done.err)
