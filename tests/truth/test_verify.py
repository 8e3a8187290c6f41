"""`verify` names each way in which the warehouse may differ from the API, and nothing else."""

import hashlib
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installation import Installation
from truth_shop import (
    DAY_S,
    HOUR_S,
    NOW,
    START,
    Handmade,
    Place,
    assert_equal,
    edit,
    handmade,
    meant,
    shown,
)

from pipelines.emulator.app import Options, Running, running
from pipelines.findings import Findings
from pipelines.pipeline import Progress
from pipelines.runs import Options as RunOptions
from pipelines.verify import verify

Start = Callable[..., Running]
Install = Callable[..., Place]
KINDS = ("missing", "stale", "unknown", "pending", "reshaped", "rejected")


@pytest.fixture
def settled(start: Start) -> Running:
    """A shop of 300 sessions that has come to rest."""
    emulator = start(sessions=300, days=30, days_ahead=0)
    emulator.advance(70 * DAY_S)
    return emulator


def verified(place: Place, *arguments: str, **environ: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the object of a `verify --json`."""
    done = place.call("verify", "--json", *arguments, **environ)
    return done.code, json.loads(done.out)


def only(found: dict[str, Any], kind: str, ids: set[str]) -> bool:
    """Whether exactly these differ, all in one way."""
    named = {k: set(found[k]["ids"]) for k in KINDS if found[k]["count"]}
    assert all(found[k]["count"] == len(found[k]["ids"]) for k in KINDS)
    return named == {kind: ids}


def nothing(found: dict[str, Any]) -> bool:
    return all(found[kind] == {"count": 0, "ids": []} for kind in KINDS)


def file_print(place: Place) -> dict[str, str]:
    """What is in the installation's folder, byte by byte."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.folder.rglob("*"))
        if path.is_file()
    }


def any_ids(place: Place, number: int) -> list[str]:
    """Some stored sessions from all over the time."""
    rows = place.rows("select id from checkout_sessions order by hash(id) limit ?", number)
    return [id_ for (id_,) in rows]


def mend(place: Place, line: str) -> None:
    """Run the printed backfill as it stands."""
    program, *arguments = shlex.split(line)
    assert program == "checkouts"
    assert arguments[0] == "backfill"
    done = place.call(*arguments)
    assert done.code == 0, done.err


def test_it_names_exactly_the_37_edited_sessions_and_the_printed_backfill_mends_them(
    settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    edited = any_ids(place, 37)
    edit(settled.url, edited, note="Zanzibar-secret")
    assert place.sync().counts.updated == 0, "nothing announces the edits"
    before = file_print(place)

    done = place.call("verify")
    assert done.code == 6
    assert "Zanzibar" not in done.out + done.err
    assert done.out.count("metadata.note") == 37
    assert all(id_ in done.out for id_ in edited)
    code, object_ = verified(place)
    assert code == 6
    assert (object_["outcome"], object_["compared"]) == ("different", 300)
    assert only(object_, "stale", set(edited))
    assert file_print(place) == before, "verify writes nothing"

    mend(place, done.out.strip().splitlines()[-1])

    assert_equal(place, shown(settled))
    assert place.rows("select count(*) from checkout_session_history") == [(37,)]
    code, object_ = verified(place)
    assert (code, object_["outcome"], object_["compared"]) == (0, "completed", 300)
    assert nothing(object_)


def test_an_edit_of_a_sessions_only_key_or_of_all_keys_is_named_by_its_path(
    settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    with_metadata = [i for i, s in shown(settled).items() if meant(s)["metadata"]]
    keys = {i: set(meant(shown(settled)[i])["metadata"]) for i in with_metadata[:3]}
    for id_, names in keys.items():
        edit(settled.url, [id_], **dict.fromkeys(names, ""))
    found = place.verify()
    assert {d.id: set(d.paths) for d in found.alarms} == {
        id_: {f"metadata.{name}" for name in names} for id_, names in keys.items()
    }


def test_a_lost_row_is_missing_and_the_printed_backfill_brings_it_back(
    settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    lost = any_ids(place, 3)
    for id_ in lost:
        place.change("delete from checkout_sessions where id = ?", id_)
    code, found = verified(place)
    assert code == 6
    assert only(found, "missing", set(lost))
    mend(place, place.call("verify").out.strip().splitlines()[-1])
    assert_equal(place, shown(settled))
    assert verified(place)[0] == 0


def test_a_row_that_the_api_does_not_have_is_unknown_and_mended(
    settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    (like,) = any_ids(place, 1)
    place.change(
        "insert into checkout_sessions select * replace ('cs_test_invented' as id)"
        " from checkout_sessions where id = ?",
        like,
    )
    code, found = verified(place)
    assert code == 6
    assert only(found, "unknown", {"cs_test_invented"})
    settled.advance(60)
    mend(place, place.call("verify").out.strip().splitlines()[-1])
    # It stays, and says since when the API doesn't have it.
    gone = place.rows("select id from checkout_sessions where missing_since is not null")
    assert gone == [("cs_test_invented",)]
    assert verified(place)[0] == 0


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param("* replace ('cs_test_invented' as id)", id="in the second of the last sync"),
        pytest.param("account, 'cs_test_invented' as id, created, payload", id="by hand"),
        pytest.param(
            "* replace ('cs_test_invented' as id, now() + interval 1 year as observed_at)",
            id="later than the API has ever been",
        ),
    ],
)
def test_an_invented_row_is_mended_whatever_it_says_of_its_time(
    columns: str, settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    place.change(
        f"insert into checkout_sessions by name select {columns} from checkout_sessions"
        " order by created limit 1"
    )
    code, found = verified(place)
    assert code == 6
    assert only(found, "unknown", {"cs_test_invented"})
    # The API's clock stands still meanwhile.
    mend(place, place.call("verify").out.strip().splitlines()[-1])
    assert verified(place)[0] == 0
    gone = place.rows("select id from checkout_sessions where missing_since is not null")
    assert gone == [("cs_test_invented",)]


def test_a_session_that_came_back_but_is_still_called_missing_is_stale(
    settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    (id_,) = any_ids(place, 1)
    place.change("update checkout_sessions set missing_since = now() where id = ?", id_)
    code, found = verified(place)
    assert code == 6
    assert only(found, "stale", {id_})
    mend(place, place.call("verify").out.strip().splitlines()[-1])
    assert_equal(place, shown(settled))


def test_a_change_of_an_unsettled_session_since_the_last_sync_is_pending_and_no_alarm(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=300, days=6, days_ahead=1)
    place = install(emulator.url)
    place.sync()
    stored = place.stored()
    emulator.advance(6 * HOUR_S)
    covered = place.coverage()[-1][1]
    moved = {
        id_
        for id_, text in shown(emulator).items()
        if meant(text)["created"] <= covered and stored[id_] != text
    }
    assert len(moved) > 5
    code, found = verified(place)
    assert code == 0
    assert only(found, "pending", moved)
    assert place.call("verify").out.strip().splitlines()[-1].startswith("default: ")
    place.sync()
    # What is left now is what the ratio allows.
    code, found = verified(place)
    assert code == 0
    assert set(found["pending"]["ids"]) < moved | set(shown(emulator))
    place.sync(sync__reread_ratio=0)
    code, found = verified(place)
    assert code == 0
    assert nothing(found)


def test_an_unsettled_session_that_the_last_sync_should_have_read_is_stale(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=300, days=6, days_ahead=1)
    place = install(emulator.url)
    place.sync()
    ((id_, payload),) = place.rows(
        "select id, payload::varchar from checkout_sessions where status = 'open' limit 1"
    )
    emulator.advance(HOUR_S)
    edit(emulator.url, [id_], note="new")
    place.sync()
    assert verified(place)[0] == 0
    # As if that sync had left it out.
    place.change("update checkout_sessions set payload = ? where id = ?", payload, id_)
    place.change("update meta.unsettled set read_at = read_at - interval 1 hour where id = ?", id_)
    code, found = verified(place)
    assert code == 6
    assert only(found, "stale", {id_})


def test_sessions_asked_for_in_another_version_are_reshaped_and_no_alarm(
    settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    edited = any_ids(place, 4)
    edit(settled.url, edited, note="as if another version said more")
    code, found = verified(place, CHECKOUTS_STRIPE__API_VERSION="2025-01-27.acacia")
    assert code == 0
    assert only(found, "reshaped", set(edited))
    assert verified(place)[0] == 6, "in the stored version it is an edit"


@pytest.mark.parametrize(
    "other",
    [
        {"stripe__api_version": "2025-01-27.acacia"},
        {"privacy__drop": "customer_details.phone"},
    ],
    ids=["version", "privacy"],
)
def test_what_is_edited_after_all_was_read_under_other_settings_is_stale(
    other: dict[str, str], settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    settled.advance(60)
    read_again = place.backfill(START, int(settled.now), **other)
    assert read_again.counts.unchanged > 50
    edited = any_ids(place, 4)
    edit(settled.url, edited, note="as if another setting said more")
    code, found = verified(
        place, **{f"CHECKOUTS_{name.upper()}": each for name, each in other.items()}
    )
    assert code == 6
    assert only(found, "stale", set(edited))
    # Under the settings before it may as well be the setting.
    code, found = verified(place)
    assert code == 0
    assert set(edited) <= set(found["reshaped"]["ids"])


def test_a_rejected_session_is_named_and_no_alarm(start: Start, install: Install) -> None:
    sessions = [handmade(n, NOW - DAY_S + n, status="expired") for n in range(5)]
    sessions[3]["amount_total"] = "a hundred"
    file = Path("sessions.ndjson")
    file.write_text("".join(json.dumps(s) + "\n" for s in sessions), encoding="utf-8")
    emulator = start(load=file)
    place = install(emulator.url)
    assert place.sync().exit_code == 4
    code, found = verified(place)
    assert code == 0
    assert only(found, "rejected", {"cs_test_00003"})
    assert found["compared"] == 5


def test_holes_are_named_and_not_compared(settled: Running, install: Install) -> None:
    place = install(settled.url)
    first, second = NOW - 20 * DAY_S, NOW - 10 * DAY_S
    place.backfill(first, first + DAY_S)
    place.backfill(second, second + DAY_S)
    done = place.call("verify")
    assert done.code == 0
    assert "hole" in done.out
    code, found = verified(place)
    assert code == 0
    assert found["holes"] == [
        {"after": _iso(START - 1), "until": _iso(first - 1)},
        {"after": _iso(first + DAY_S - 1), "until": _iso(second - 1)},
    ]
    assert found["compared"] == len(place.stored())
    assert nothing(found)
    lost = place.rows("select id from checkout_sessions order by created")[0][0]
    place.change("delete from checkout_sessions where id = ?", lost)
    assert only(verified(place)[1], "missing", {lost})
    inside = ("--from", _iso(second), "--to", _iso(second + HOUR_S))
    code, found = verified(place, *inside)
    assert code == 0
    assert found["holes"] == []


def test_a_range_holds_the_comparison_to_itself(settled: Running, install: Install) -> None:
    place = install(settled.url)
    place.sync()
    rows = place.rows("select id, epoch_us(created) // 1000000 from checkout_sessions order by 2")
    (early, born), (late, _) = rows[50], rows[250]
    edit(settled.url, [early, late], note="1")
    found = place.verify(born, born + 1)
    assert [d.id for d in found.differences] == [early]
    assert found.compared == sum(created == born for _, created in rows)
    assert [d.id for d in place.verify(born + 1, NOW).differences] == [late]
    assert place.verify(born - 3600, born).differences == []
    mending = place.verify().mending
    assert mending is not None
    assert mending.after == born - 1


def test_a_range_with_one_end_reaches_to_where_syncs_begin_or_to_the_newest(
    settled: Running, install: Install
) -> None:
    place = install(settled.url)
    place.sync()
    ((born,),) = place.rows("select epoch(median(created))::bigint from checkout_sessions")
    ((before,),) = place.rows(
        "select count(*) from checkout_sessions where epoch(created) < ?", born
    )
    for option, compared in (("--to", before), ("--from", 300 - before)):
        code, found = verified(place, option, _iso(born))
        assert (code, found["outcome"], found["compared"]) == (0, "completed", compared)
        assert found["holes"] == []
        assert nothing(found)


def test_a_range_without_a_beginning_has_no_hole_before_the_first_date_ever_read(
    settled: Running, install: Install
) -> None:
    place = install(settled.url)
    first = NOW - 10 * DAY_S
    place.backfill(first, first + DAY_S)
    code, found = verified(place, "--to", _iso(first + HOUR_S))
    assert code == 0
    assert found["holes"] == [{"after": _iso(START - 1), "until": _iso(first - 1)}]


def test_an_account_that_was_never_synced_is_one_hole(settled: Running, tmp_path: Path) -> None:
    keys = {"accounts": [{"name": "eu"}, {"name": "us", "key_env": "STRIPE_KEY_US"}]}
    place = Installation(tmp_path / "two", settled.url, **keys)
    us = {"STRIPE_KEY_US": "sk_test_us"}
    assert place.call("sync", "--account", "eu").code == 0
    for options, after, until in (
        ((), _iso(START - 1), None),
        (("--from", "2026-11-01"), "2026-10-31T23:59:59Z", None),
        (("--to", "2026-11-03"), _iso(START - 1), "2026-11-02T23:59:59Z"),
        (("--from", "2026-11-01", "--to", "2026-11-03"), "2026-10-31T23:59:59Z",
         "2026-11-02T23:59:59Z"),
    ):  # fmt: skip
        done = place.call("verify", "--json", "--account", "us", *options, **us)
        assert (done.code, done.object["outcome"], done.object["compared"]) == (0, "completed", 0)
        assert done.object["holes"] == [{"after": after, "until": until}]
    done = place.call("verify", "--account", "us", **us)
    assert done.out == "us: 0 sessions compared: no difference; 1 hole not compared\n"


def test_a_range_beyond_all_that_is_covered_is_one_hole(settled: Running, install: Install) -> None:
    place = install(settled.url)
    place.sync()
    ((_, newest),) = place.coverage()
    beyond = newest + 1 + DAY_S
    for options, until in (((), None), (("--to", _iso(beyond + HOUR_S)), beyond + HOUR_S - 1)):
        code, found = verified(place, "--from", _iso(beyond), *options)
        assert (code, found["outcome"], found["compared"]) == (0, "completed", 0)
        shown_until = None if until is None else _iso(until)
        assert found["holes"] == [{"after": _iso(beyond - 1), "until": shown_until}]
    _, found = verified(place, "--to", _iso(beyond))
    assert found["holes"] == [{"after": _iso(newest), "until": _iso(beyond - 1)}]


def test_what_is_newer_than_the_last_sync_is_not_compared(start: Start, install: Install) -> None:
    emulator = start(sessions=200, days=3, days_ahead=2)
    place = install(emulator.url, sync__reread_ratio=0)
    place.sync()
    emulator.advance(DAY_S)
    code, found = verified(place)
    assert code == 0
    assert found["missing"]["count"] == found["unknown"]["count"] == 0
    assert found["holes"] == []


def test_its_exit_codes_say_what_went_wrong(start: Start, install: Install) -> None:
    emulator = start(sessions=50)
    place = install(emulator.url)
    assert place.call("verify").code == 5, "there is no warehouse"
    assert not place.exists
    place.sync()
    assert place.call("verify").code == 0
    assert place.call("verify", "--from", "2026-10-02", "--to", "2026-10-01").code == 2
    assert place.call("verify", "--from", "yesterday").code == 2
    away = {"CHECKOUTS_STRIPE__RETRY_FOR_S": "0"}
    assert place.call("verify", STRIPE_API_KEY="").code == 2
    before = file_print(place)
    with running(Options(sessions=50, now=NOW, frozen=True, keys=("sk_test_other",))) as other:
        moved = {"CHECKOUTS_STRIPE__BASE_URL": other.url}
        done = place.call("verify", "--json", **moved, **away)
        assert done.code == 3
    done = place.call("verify", CHECKOUTS_STRIPE__BASE_URL="http://127.0.0.1:9", **away)
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert file_print(place) == before


def test_it_says_the_same_however_the_json_is_written(install: Install) -> None:
    born = NOW - 40 * DAY_S
    session = handmade(1, born, status="expired", metadata={"a": "é", "b": "1"})
    place = install()
    place.sync(RunOptions(transport=Handmade(lambda _: [session], NOW)))
    turned = dict(reversed(session.items())) | {"metadata": {"b": "1", "a": "é"}}
    settings = place.settings()
    from pipelines.verify import verify  # noqa: PLC0415 -- with a transport of its own

    api = Handmade(lambda _: [turned], NOW + 600)
    found = verify(settings, settings.chosen()[0], None, RunOptions(transport=api))
    assert (found.compared, found.differences) == (1, [])
    other = session | {"amount_total": True}
    api = Handmade(lambda _: [other | {"amount_total": 10_000.5}], NOW + 600)
    found = verify(settings, settings.chosen()[0], None, RunOptions(transport=api))
    assert len(found.differences) == 1


def _iso(second: int) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 -- one use

    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Looked(Handmade):
    """An API that knows when all of it was read once, by how many requests; 0 before."""

    first = 0

    def told(self, progress: Progress) -> None:
        """Note how far a verification is."""
        if progress.share == 1 and not self.first:
            self.first = self.requests

    @property
    def confirming(self) -> int:
        """How many requests came after that."""
        return self.requests - self.first


def compared(place: Place, api: Looked) -> Findings:
    """What a verification of all finds at an API."""
    settings = place.settings()
    options = RunOptions(transport=api, progress=api.told)
    return verify(settings, settings.chosen()[0], None, options)


def test_what_differs_is_confirmed_in_few_requests_and_nothing_beside_it_is_named(
    install: Install,
) -> None:
    place = install(stripe__base_url="https://api.example.com")
    sessions = [handmade(n, NOW - DAY_S + 7 * n, status="expired") for n in range(250)]
    edited = [session | {"metadata": {"a": "b"}} for session in sessions]
    place.sync(RunOptions(transport=Handmade(lambda _: sessions, NOW)))
    untouched = Looked(lambda _: sessions, NOW + HOUR_S)
    assert compared(place, untouched).differences == []
    assert untouched.confirming == 0

    everything = Looked(lambda _: edited, NOW + HOUR_S)
    assert len(compared(place, everything).of("stale")) == 250
    assert everything.confirming == 2 * 3

    # Every second one, then in the looks that are to confirm these the others too.
    some = [edited[n] if n % 2 else sessions[n] for n in range(250)]
    later = Looked(lambda _: edited if later.first else some, NOW + HOUR_S)
    stale = compared(place, later).of("stale")
    assert {found.id for found in stale} == {session["id"] for session in sessions[1::2]}
    assert later.confirming == 2 * 3
