"""What of a session is never stored, and a person who is forgotten."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from installation import DAY_S, NOW, Installation, finish, one_line
from scripted import Scripted
from test_guards import PAID, session

from pipelines.privacy import hashed
from pipelines.runs import Options
from pipelines.verify import verify

Install = Callable[..., Installation]
KEY = "a key of this test's own"
PRIVATE = {
    "privacy__drop": "customer_details,line_items.data.description,custom_fields.text.value",
    "privacy__hash": "customer_email,metadata.who",
}
SECRETS = ("ana@example.com", "Ana Reyes", "her own words", "Ana's cake", "+34 600")


def of_ana(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A session of Ana's, with all that tells her."""
    item = {"id": f"li_{number}", "object": "item", "description": "Ana's cake", "quantity": 1}
    field = {"key": "wish", "type": "text", "text": {"value": "her own words"}}
    return session(
        number,
        customer="cus_ana",
        customer_email="ana@example.com",
        customer_details={"email": "Ana@example.com", "name": "Ana Reyes", "phone": "+34 600"},
        shipping_details={"name": "Ana Reyes", "address": {"line1": "Calle Ana Reyes"}},
        metadata={"who": "ana@example.com", "size": "m"},
        custom_fields=[field],
        line_items={"object": "list", "data": [item], "has_more": False},
        **fields,
    )


@pytest.fixture
def place(install: Install, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation whose API only exists in this process."""
    monkeypatch.setenv("CHECKOUTS_PRIVACY_KEY", KEY)
    return install("http://127.0.0.1:9", sync__reread_ratio=0)


def kinds(place: Installation, api: Scripted, **over: Any) -> dict[str, list[str]]:
    """What a verification finds: ids by kind."""
    account = place.settings().chosen()[0]
    found = verify(place.settings(**over), account, None, Options(transport=api))
    assert found.error is None
    return {kind: [d.id for d in found.of(kind)] for kind in {d.kind for d in found.differences}}


def everything(place: Installation) -> str:
    """All that can be read of sessions, as one text."""
    tables = place.rows("select schema_name, table_name from duckdb_tables() where not temporary")
    return "\n".join(str(place.rows(f"select * from {s}.{t}")) for s, t in tables)


def assert_nothing_in(folder: Any, secrets: tuple[str, ...]) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert [s for s in secrets if s.encode() in content] == [], path


def test_what_is_dropped_or_hashed_is_stored_nowhere(place: Installation) -> None:
    api = Scripted([of_ana(1), of_ana(2, amount_total="x")], NOW)
    assert place.sync(Options(transport=api), **PRIVATE).counts.rejected == 1
    api.sessions, api.now = [of_ana(1, **PAID), of_ana(2, amount_total="x")], NOW + 60
    assert place.sync(Options(transport=api), **PRIVATE).counts.updated == 1
    text = everything(place)
    for secret in SECRETS[2:4]:
        assert secret not in text
    assert "ana@example.com" not in text
    assert place.rows(
        "select customer_email, metadata['who'], metadata['size'], customer_details_email"
        " from checkout_sessions"
    ) == [(hashed("ana@example.com", KEY.encode()),) * 2 + ("m", None)]
    assert place.rows("select description, quantity from checkout_session_line_items") == [
        (None, 1)
    ]
    assert place.value("select count(*) from checkout_session_history") == 1
    assert kinds(place, api, **PRIVATE) == {"rejected": ["cs_test_0002"]}


def test_a_change_of_privacy_is_no_new_version_and_reflatten_takes_out_what_is_stored(
    place: Installation,
) -> None:
    api = Scripted([of_ana(1), of_ana(2, amount_total="x"), of_ana(3)], NOW)
    place.sync(Options(transport=api))
    api.sessions, api.now = [of_ana(1, **PAID), *api.sessions[1:]], NOW + 60
    place.sync(Options(transport=api))
    assert kinds(place, api, **PRIVATE) == {
        "reshaped": ["cs_test_0001", "cs_test_0003"],
        "rejected": ["cs_test_0002"],
    }
    done = place.call("reflatten", **{f"CHECKOUTS_{k.upper()}": v for k, v in PRIVATE.items()})
    assert done.code == 4
    text = everything(place)
    assert [secret for secret in ("ana@example.com", *SECRETS[2:4]) if secret in text] == []
    assert_nothing_in(place.warehouse.parent, ("ana@example.com", *SECRETS[2:4]))
    assert kinds(place, api, **PRIVATE) == {"rejected": ["cs_test_0002"]}
    api.now += 60
    assert place.sync(Options(transport=api), **PRIVATE).counts.updated == 0
    # Taken back, each session is read whole again, without a version of its own.
    assert kinds(place, api)["reshaped"] == ["cs_test_0001", "cs_test_0003"]
    api.now += 60
    place.backfill(NOW - DAY_S, NOW + DAY_S, Options(transport=api))
    assert place.value("select count(*) from checkout_session_history") == 1
    assert "her own words" in everything(place)


def test_what_was_taken_out_before_the_setting_went_is_no_change_after_reflatten(
    place: Installation,
) -> None:
    api = Scripted([session(1, customer_email="ana@example.com", locale="de", **PAID)], NOW)
    both = {"privacy__drop": "customer_email,locale"}
    place.sync(Options(transport=api), privacy__drop="customer_email")
    assert place.call("reflatten", CHECKOUTS_PRIVACY__DROP="customer_email,locale").code == 0
    assert kinds(place, api, **both) == {}
    # Of all that was taken out, only the setting for one path stays, then none.
    for given in ({"privacy__drop": "locale"}, {}):
        variables = {f"CHECKOUTS_{name.upper()}": value for name, value in given.items()}
        assert place.call("reflatten", **variables).code == 0
        assert kinds(place, api, **given) == {"reshaped": ["cs_test_0001"]}
    api.now += 60
    assert place.sync(Options(transport=api)).counts.updated == 1
    assert place.value("select customer_email from checkout_sessions") == "ana@example.com"
    assert place.value("select count(*) from checkout_session_history") == 0
    assert kinds(place, api) == {}
    # From then on what differs is a change of the session's own.
    api.now += 60
    api.sessions = [session(1, customer_email="bo@example.com", locale="de", **PAID)]
    place.sync(Options(transport=api))
    assert place.value("select count(*) from checkout_session_history") == 1


def test_a_version_superseded_under_new_privacy_settings_is_kept_under_them(
    place: Installation,
) -> None:
    api = Scripted([of_ana(1)], NOW)
    place.sync(Options(transport=api))
    api.sessions, api.now = [of_ana(1, **PAID)], NOW + 60
    place.sync(Options(transport=api), **PRIVATE)
    (text,) = place.rows("select payload::varchar from checkout_session_history")[0]
    assert "customer_details" not in json.loads(text)
    assert [secret for secret in ("ana@example.com", *SECRETS[2:4]) if secret in text] == []


@pytest.mark.parametrize(
    ("setting", "path", "says"),
    [
        ("DROP", "status", "can't be left out"),
        ("HASH", "created", "can't be left out"),
        ("DROP", "line_items.data[].id", "can't be left out alone"),
        ("DROP", "customer_detials.email", "no field"),
        ("HASH", "amount_total", "no text"),
        ("HASH", "customer_details", "no text"),
    ],
)
def test_a_path_that_cannot_be_kept_private_is_refused(
    place: Installation, setting: str, path: str, says: str
) -> None:
    done = place.call("status", **{f"CHECKOUTS_PRIVACY__{setting}": path})
    assert done.code == 2
    assert says in one_line(done.err)


@pytest.mark.parametrize("key", [None, "too short"])
def test_hashes_need_a_key(place: Installation, key: str | None) -> None:
    given = {"CHECKOUTS_PRIVACY__HASH": "customer", "CHECKOUTS_PRIVACY_KEY": key}
    done = place.call("sync", **given)
    assert done.code == 2
    assert "CHECKOUTS_PRIVACY_KEY" in one_line(done.err)
    assert not place.warehouse.exists()


@pytest.mark.file
def test_a_person_is_forgotten_in_every_byte_and_stays_forgotten(install: Install) -> None:
    published = {"path": "data/copy.duckdb", "parquet": "data/parquet"}
    place = install("http://127.0.0.1:9", sync__reread_ratio=0, publish=published)
    other = session(9, customer="cus_bo", customer_details={"email": "bo@example.com"})
    api = Scripted([of_ana(1), of_ana(2, amount_total="x"), of_ana(3), other], NOW)
    place.sync(Options(transport=api))
    api.sessions, api.now = [of_ana(1, **PAID), *api.sessions[1:]], NOW + 60
    place.sync(Options(transport=api))
    assert place.call("reflatten").code == 4  # publishes
    for file in (place.warehouse, place.folder / published["path"]):
        for secret in SECRETS[:3]:
            assert secret.encode() in file.read_bytes(), "what isn't there can't be seen to go"

    done = place.call("forget", "--email", "ANA@example.com")
    assert (done.code, done.err) == (0, "")
    assert "3 sessions forgotten" in done.out
    assert_nothing_in(place.folder / "data", (*SECRETS[:3], "cus_ana"))
    assert {path.stat().st_mode & 0o077 for path in (place.folder / "data").rglob("*")} == {0}
    assert place.value("select customer_details_email from checkout_sessions where id like '%9'")
    assert kinds(place, api) == {"rejected": ["cs_test_0002"]}

    changed = of_ana(1, **PAID, amount_subtotal=5)
    api.sessions, api.now = [changed, *api.sessions[1:]], NOW + 120
    place.backfill(NOW - DAY_S, NOW + DAY_S, Options(transport=api))
    assert place.value("select amount_subtotal from checkout_sessions where id like '%1'") == 5
    assert_nothing_in(place.folder / "data", (*SECRETS[:3], "cus_ana"))
    assert place.call("reflatten").code == 4
    assert_nothing_in(place.folder / "data", (*SECRETS[:3], "cus_ana"))


def linked(place: Installation, name: str, folder: str) -> Path:
    """A link in an installation's `data` to a file of another folder, which isn't there yet."""
    link = place.folder / "data" / name
    for each in (link.parent, place.folder / folder):
        each.mkdir(mode=0o700, exist_ok=True)
    link.symlink_to(f"../{folder}/{name}")
    return link


@pytest.mark.file
@pytest.mark.parametrize("command", ["forget", "reflatten"])
def test_what_links_lead_to_is_made_anew_and_the_links_stay(
    command: str, place: Installation
) -> None:
    given = {"CHECKOUTS_PUBLISH__PATH": "data/read.duckdb", "CHECKOUTS_PRIVACY__DROP": "customer"}
    links = [linked(place, name, "big") for name in ("checkouts.duckdb", "read.duckdb")]
    place.sync(Options(transport=Scripted([of_ana(1)], NOW)))
    assert place.call("reflatten", **given | {"CHECKOUTS_PRIVACY__DROP": ""}).code == 0
    for link in links:
        assert b"cus_ana" in link.read_bytes(), "what isn't there can't be seen to go"
    arguments = ["forget", "--customer", "cus_ana"] if command == "forget" else [command]
    done = place.call(*arguments, **given)
    assert (done.code, done.err) == (0, "")
    assert all(link.is_symlink() for link in links)
    assert_nothing_in(place.folder / "big", ("cus_ana",))
    files = {path.name for path in (place.folder / "big").iterdir()}
    assert files == {"checkouts.duckdb", "read.duckdb", ".read.duckdb.lock"}
    assert place.value("select count(*) from checkout_sessions where customer is null") == 1


@pytest.mark.file
def test_the_log_is_beside_the_file_itself_whatever_name_it_is_opened_by(
    place: Installation,
) -> None:
    linked(place, "checkouts.duckdb", "big")
    for statement in ("create table numbers (number int)", "insert into numbers values (1)"):
        with place.place.connect(read_only=False) as connection:
            connection.execute(statement)
            logs = [path.relative_to(place.folder) for path in place.folder.rglob("*.wal")]
        assert logs == [Path("big/checkouts.duckdb.wal")]


@pytest.mark.file
def test_what_has_no_room_in_memory_goes_beside_the_file(place: Installation) -> None:
    place.sync(Options(transport=Scripted([of_ana(1)], NOW)))
    asked = ("sql", "--format", "csv", "select current_setting('temp_directory') as folder")
    overflow = place.warehouse.with_name("checkouts.duckdb.tmp")
    for unsafe in ([], ["--unsafe"]):
        assert place.call(*asked, *unsafe).out == f"folder\n{overflow}\n"


@pytest.mark.file
@pytest.mark.parametrize("of", ["checkouts.duckdb", ".checkouts.duckdb.draft"])
def test_forget_removes_what_killed_processes_had_no_room_for(of: str, place: Installation) -> None:
    place.sync(Options(transport=Scripted([of_ana(1)], NOW)))
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    overflow = place.warehouse.with_name(f"{of}.tmp")
    overflow.mkdir()
    # As DuckDB names them.
    dead, living = (
        [overflow / f"duckdb_temp_{number}_0_{what}" for what in ("owner", "storage_S64K-0.tmp")]
        for number in (int(ended.stdout), os.getpid())
    )
    for file in (*dead, *living):
        file.write_text("cus_ana")
    assert place.call("forget", "--customer", "cus_ana").code == 0
    assert sorted(overflow.iterdir()) == sorted(living)
    for file in living:
        file.unlink()
    place.sync(Options(transport=Scripted([of_ana(2)], NOW)))
    assert place.call("forget", "--customer", "cus_ana").code == 0
    assert not overflow.exists()


@contextmanager
def stopped_halfway(place: Installation, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that is stopped while it makes the file anew; goes on afterwards."""
    process = place.begin(*arguments)
    draft = place.warehouse.with_name(".checkouts.duckdb.draft")
    while not draft.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.file
def test_of_two_that_make_the_file_anew_one_waits_for_the_other(place: Installation) -> None:
    people = {"cus_bo": "bo@example.com", "cus_cy": "cy@example.com"}
    others = [
        session(number, customer=customer, customer_details={"email": email})
        for number, (customer, email) in enumerate(people.items(), 8)
    ]
    place.sync(Options(transport=Scripted([of_ana(1), *others], NOW)))
    impatient = {"CHECKOUTS_WAREHOUSE__LOCK_TIMEOUT_S": "0.1"}
    with stopped_halfway(place, "forget", "--customer", "cus_ana") as first:
        for command in (
            ["forget", "--customer", "cus_bo"],
            ["reflatten"],
        ):
            done = place.call(*command, **impatient, CHECKOUTS_PRIVACY__DROP="customer")
            assert done.code == 5
            said = one_line(done.err)
            assert f"{place.warehouse} is " in said
            assert f"process {first.pid}" in said
        second = place.begin("forget", "--customer", "cus_bo")
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(2)
    for process in (first, second):
        done = finish(process)
        assert (done.code, done.err) == (0, "")
        assert "1 session forgotten" in done.out
    assert_nothing_in(place.folder / "data", (*SECRETS[:3], "cus_ana", "cus_bo"))
    assert place.value("select count(*) from checkout_sessions where customer = 'cus_cy'") == 1
    assert [*place.warehouse.parent.iterdir()] == [place.warehouse]


@pytest.mark.file
def test_one_that_was_killed_while_it_made_the_file_anew_stops_no_other(
    place: Installation,
) -> None:
    place.sync(Options(transport=Scripted([of_ana(1)], NOW)))
    with stopped_halfway(place, "forget", "--customer", "cus_ana") as process:
        process.kill()
        process.wait()
    assert len([*place.warehouse.parent.iterdir()]) > 1
    done = place.call("forget", "--customer", "cus_ana", CHECKOUTS_WAREHOUSE__LOCK_TIMEOUT_S="0")
    assert (done.code, done.err) == (0, "")
    assert "1 session forgotten" in done.out
    assert [*place.warehouse.parent.iterdir()] == [place.warehouse]


@pytest.mark.file
def test_what_is_in_the_way_of_a_draft_is_not_said_of_the_warehouse(place: Installation) -> None:
    place.sync(Options(transport=Scripted([of_ana(1)], NOW)))
    in_the_way = place.warehouse.with_name(".checkouts.duckdb.draft")
    in_the_way.mkdir()
    done = place.call("forget", "--customer", "cus_ana")
    assert done.code == 5
    said = one_line(done.err)
    assert f"{place.warehouse} can't be made anew: " in said
    assert f"{in_the_way}" in said
    assert "make room" not in said
    assert place.value("select customer from checkout_sessions") == "cus_ana"


@pytest.mark.file
@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--customer", "cus_ana"], 2),
        (["--session", "cs_test_0003"], 1),
        (["--email", "ana@example.com"], 2),
        (["--email", "nobody@example.com"], 0),
    ],
)
def test_forget_finds_sessions_also_where_they_are_hashed(
    place: Installation, arguments: list[str], count: int
) -> None:
    hidden = {"privacy__hash": "customer,customer_email"}
    api = Scripted([of_ana(1), of_ana(3), session(9, customer="cus_bo")], NOW)
    place.sync(Options(transport=api), **hidden)
    before = place.warehouse.read_bytes()
    given = {"CHECKOUTS_PRIVACY__HASH": hidden["privacy__hash"]}
    done = place.call("forget", *arguments, **given)
    assert (done.code, done.err) == (0, "")
    assert place.value("select count(*) from meta.forgotten") == count
    if not count:
        assert "nothing found" in done.out
        assert place.warehouse.read_bytes() == before


def test_forget_finds_a_session_that_was_rejected_for_half_a_surrogate_pair(
    place: Installation,
) -> None:
    broken = of_ana(1, success_url="https://\ud800.example")
    place.sync(Options(transport=Scripted([broken, session(9)], NOW)))
    assert place.rows("select id from meta.rejects") == [("cs_test_0001",)]
    done = place.call("forget", "--email", "ana@example.com")
    assert (done.code, done.err) == (0, "")
    assert "1 session forgotten" in done.out
    assert [secret for secret in SECRETS if secret in everything(place)] == []


def test_a_session_forgotten_while_it_is_read_is_not_stored_again(place: Installation) -> None:
    first = Scripted([of_ana(1)], NOW)
    place.sync(Options(transport=first))

    def between(_: dict[str, str]) -> None:
        api.before = None
        assert place.run("forget", "--customer", "cus_ana").code == 0

    api = Scripted([of_ana(1, **PAID)], NOW + 60, before=between)
    report = place.sync(Options(transport=api))
    assert report.exit_code == 5
    assert "forgotten while it was being read" in str(report.error)
    assert place.sync(Options(transport=api)).outcome == "completed"
    assert place.rows("select payment_status, customer from checkout_sessions") == [("paid", None)]


def test_forget_wants_to_know_whom(place: Installation) -> None:
    for arguments in ([], ["--email", ""]):
        done = place.call("forget", *arguments)
        assert done.code == 2
        assert "name whom to forget" in one_line(done.err)
    done = place.call("forget", "--customer", "cus_ana")
    assert done.code == 5
    assert "there is no warehouse" in one_line(done.err)
