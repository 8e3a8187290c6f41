"""What is final, what is newer, what is gone: observations that come late or out of order."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from comparison import assert_coverage_is_sane, assert_equal, scrubbed
from installation import DAY_S, HOUR_S, NOW, SETTLE_S, START, Installation
from scripted import Scripted

from pipelines.emulator.app import Running
from pipelines.outcomes import Report
from pipelines.runs import Options

Start = Callable[..., Running]
Install = Callable[..., Installation]
BORN = NOW - 2 * HOUR_S


def session(number: int = 1, created: int = BORN, **fields: Any) -> dict[str, Any]:
    """An open session of a hundred euros."""
    return {
        "id": f"cs_test_{number:04d}",
        "object": "checkout.session",
        "created": created,
        "livemode": False,
        "mode": "payment",
        "status": "open",
        "payment_status": "unpaid",
        "amount_total": 10_000,
        "currency": "eur",
        **fields,
    }


PAID = {"status": "complete", "payment_status": "paid"}
UNPAID = {"status": "complete", "payment_status": "unpaid"}


@pytest.fixture
def place(install: Install) -> Installation:
    """An installation whose API only exists in this process."""
    return install("http://127.0.0.1:9", sync__reread_ratio=0)


def sync(place: Installation, api: Scripted, **over: Any) -> Report:
    """Sync with an API of this process."""
    return place.sync(Options(transport=api), **over)


def stored(place: Installation) -> dict[str, dict[str, Any]]:
    """The stored payloads by id."""
    return {
        session_id: json.loads(text)
        for session_id, text in place.rows("select id, payload::varchar from checkout_sessions")
    }


def overlapped(
    place: Installation, older: Scripted, newer: Scripted, **over: Any
) -> tuple[Report, Report]:
    """Sync with `newer` from begin to end while the first request of `older` is under way."""
    reports: list[Report] = []

    def between(_: dict[str, str]) -> None:
        older.before = None
        reports.append(sync(place, newer, **over))

    older.before = between
    late = sync(place, older, **over)
    return late, reports[0]


def test_nothing_newer_than_the_settle_time_counts_as_covered(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=400, days=2, days_ahead=1)
    for settle in (0, 1, 60, 600):
        place = install(emulator.url, f"settle{settle}", sync__settle_s=settle)
        report = place.sync()
        assert report.newest_covered <= emulator.now - settle
        assert report.newest_covered > emulator.now - settle - 30
        assert_coverage_is_sane(place, emulator.now, settle_s=settle)


def test_sessions_that_appear_late_are_not_lost_over_many_small_syncs(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=250, days=0.05, days_ahead=1, late_s=SETTLE_S)
    place = install(emulator.url)
    late = 0
    seen: set[str] = set()
    for step in (0, 20, 90, 33, 61, 60, 59, 20, 47, 75, 29, 88, 31, 90, 20, 60, 64, 26):
        emulator.advance(step)
        newest = max(place.coverage(), default=(0, 0))[1] if place.warehouse.exists() else 0
        place.sync()
        stored_now = dict(
            place.rows("select id, epoch_us(created) // 1000000 from checkout_sessions")
        )
        latest = max((stored_now[i] for i in seen), default=0)
        late += sum(newest < stored_now[i] < latest for i in stored_now.keys() - seen)
        seen = set(stored_now)
        assert_coverage_is_sane(place, emulator.now)
        assert seen == {s["id"] for s in emulator.sessions()}
    assert late > 0, "the shop had late sessions, or this shows nothing"
    place.sync(sync__reread_ratio=0)
    assert_equal(place, emulator)


def test_an_older_observation_that_is_loaded_later_does_not_win(place: Installation) -> None:
    older = Scripted([session(metadata={"step": "1"})], NOW)
    newer = Scripted([session(metadata={"step": "2"})], NOW + 10)
    late, early = overlapped(place, older, newer)
    assert (early.counts.inserted, late.counts.unchanged) == (1, 1)
    assert late.error is None
    assert stored(place)["cs_test_0001"]["metadata"] == {"step": "2"}
    assert place.value("select count(*) from checkout_session_history") == 0
    assert place.value("select epoch(observed_at)::bigint from checkout_sessions") == NOW + 10


def test_a_newer_observation_that_is_loaded_later_wins_and_the_old_one_is_history(
    place: Installation,
) -> None:
    first, second = session(metadata={"step": "1"}), session(metadata={"step": "2"})
    sync(place, Scripted([first], NOW))
    report = sync(place, Scripted([second], NOW + 600))
    assert (report.counts.updated, report.counts.inserted) == (1, 0)
    assert stored(place)["cs_test_0001"] == second
    ((payload, *row),) = place.rows(
        "select payload::varchar, account, id, status, payment_status, amount_total, api_version,"
        " epoch(observed_at)::bigint, epoch(superseded_at)::bigint from checkout_session_history"
    )
    assert json.loads(payload) == first
    assert row == [
        "default", "cs_test_0001", "open", "unpaid", 10_000, "2026-10-28.endive", NOW, NOW + 600,
    ]  # fmt: skip
    assert place.rows(
        "select epoch(first_observed_at)::bigint, epoch(observed_at)::bigint from checkout_sessions"
    ) == [(NOW, NOW + 600)]


def test_in_the_same_second_the_later_commit_wins(place: Installation) -> None:
    sync(place, Scripted([session(metadata={"step": "1"})], NOW))
    sync(place, Scripted([session(metadata={"step": "2"})], NOW))
    assert stored(place)["cs_test_0001"]["metadata"] == {"step": "2"}


@pytest.mark.parametrize(
    ("now_stored", "comes_back"),
    [
        (PAID, {}),
        (UNPAID, {}),
        ({"status": "expired"}, {}),
        (PAID, UNPAID),
        ({"status": "complete", "payment_status": "no_payment_required"}, {"status": "open"}),
    ],
)
def test_an_observation_that_leads_back_never_wins_whatever_its_time(
    now_stored: dict[str, str], comes_back: dict[str, str], place: Installation
) -> None:
    sync(place, Scripted([session(**now_stored)], NOW))
    report = sync(place, Scripted([session(**({"status": "open"} | comes_back))], NOW + 600))
    read = report.counts.row()["sessions_read"]
    assert report.counts.unchanged == read
    backfilled = place.backfill(
        BORN, BORN + 1, Options(transport=Scripted([session(**comes_back)], NOW + 900))
    )
    assert backfilled.counts.unchanged == 1
    assert stored(place)["cs_test_0001"] == session(**now_stored)
    assert place.value("select count(*) from checkout_session_history") == 0


def test_a_session_that_leads_back_stays_due_until_it_was_seen_again(place: Installation) -> None:
    sync(place, Scripted([session(**UNPAID)], NOW))
    sync(place, Scripted([session()], NOW + 600))
    assert place.rows("select id, epoch(read_at)::bigint from meta.unsettled") == [
        ("cs_test_0001", NOW)
    ]
    sync(place, Scripted([session(**PAID)], NOW + 900))
    assert stored(place)["cs_test_0001"]["payment_status"] == "paid"


def test_the_same_json_value_in_other_words_is_unchanged(place: Installation) -> None:
    first = session(metadata={"a": "é", "b": "/"}, amount_total=10_000)
    sync(place, Scripted([json.dumps(first, ensure_ascii=False)], NOW))
    turned = dict(reversed(first.items())) | {"metadata": {"b": "/", "a": "é"}}
    text = json.dumps(turned, indent=1).replace("/", "\\/").replace("10000", "1e4")
    report = sync(place, Scripted([text.replace("1e4", "10000")], NOW + 600))
    assert (report.counts.unchanged, report.counts.updated) == (1, 0)
    other = session(metadata={"a": "é", "b": "/"}, payment_method_types=["card", "link"])
    sync(place, Scripted([other], NOW + 700))
    swapped = other | {"payment_method_types": ["link", "card"]}
    assert sync(place, Scripted([swapped], NOW + 800)).counts.updated == 1
    assert place.value("select count(*) from checkout_session_history") == 2


def test_another_api_version_alone_makes_no_history(place: Installation) -> None:
    sync(place, Scripted([session()], NOW), stripe__api_version="2025-01-27.acacia")
    report = sync(place, Scripted([session(origin_context="web")], NOW + 600))
    assert report.counts.updated == 1
    assert place.value("select count(*) from checkout_session_history") == 0
    assert stored(place)["cs_test_0001"]["origin_context"] == "web"
    assert place.value("select api_version from checkout_sessions") == "2026-10-28.endive"
    changed = session(origin_context="web", extra=1, **PAID)
    sync(place, Scripted([changed], NOW + 900), stripe__api_version="2025-01-27.acacia")
    assert place.value("select count(*) from checkout_session_history") == 1


OTHERWISE = [{"stripe__api_version": "2025-01-27.acacia"}, {"privacy__drop": "customer_email"}]
TURNED = dict(reversed(session().items()))
"""The session of `session()` in another order of its keys."""


def origins(place: Installation) -> list[tuple[Any, ...]]:
    """Which run each stored session is from, what it asked for, and when the version was seen."""
    return place.rows(
        "select id, run_id, api_version, epoch(first_observed_at)::bigint,"
        " epoch(observed_at)::bigint from checkout_sessions order by id"
    )


@pytest.mark.parametrize("seen", [session(), TURNED], ids=["the same", "the same value"])
@pytest.mark.parametrize("other", OTHERWISE, ids=["version", "privacy"])
def test_what_differs_after_a_session_was_found_the_same_under_other_settings_is_its_own_change(
    other: dict[str, str], seen: dict[str, Any], place: Installation
) -> None:
    sync(place, Scripted([session()], NOW))
    found = sync(place, Scripted([seen], NOW + 600), **other)
    assert (found.counts.unchanged, found.counts.updated) == (1, 0)
    version = other.get("stripe__api_version", "2026-10-28.endive")
    assert origins(place) == [("cs_test_0001", found.run_id, version, NOW, NOW)]
    assert json.dumps(stored(place)["cs_test_0001"]) == json.dumps(session())
    changed = sync(place, Scripted([session(metadata={"step": "2"})], NOW + 900), **other)
    assert changed.counts.updated == 1
    assert origins(place) == [("cs_test_0001", changed.run_id, version, NOW, NOW + 900)]
    assert place.rows(
        "select api_version, epoch(observed_at)::bigint, epoch(superseded_at)::bigint,"
        " epoch(last_seen_at)::bigint from checkout_session_history"
    ) == [(version, NOW, NOW + 900, NOW + 600)]


@pytest.mark.parametrize("other", OTHERWISE, ids=["version", "privacy"])
def test_a_session_that_is_found_the_same_under_the_same_settings_is_not_touched(
    other: dict[str, str], place: Installation
) -> None:
    api = Scripted([session(1), session(2, **PAID)], NOW)
    for over in ({}, other):
        sync(place, api, **over)
        before = origins(place)
        for _ in range(2):
            api.now += 60
            assert sync(place, api, **over).counts.unchanged == 2
            assert origins(place) == before


def test_an_older_observation_under_other_settings_does_not_say_what_was_asked_last(
    place: Installation,
) -> None:
    sync(place, Scripted([session()], NOW))
    newer = Scripted([session()], NOW + 120)
    older = Scripted([session()], NOW + 60, before=lambda _: sync(place, newer, **OTHERWISE[0]))
    assert sync(place, older).counts.unchanged == 1
    assert place.value("select api_version from checkout_sessions") == "2025-01-27.acacia"


def test_an_older_observation_does_not_replace_what_was_read_later_in_another_api_version(
    place: Installation,
) -> None:
    born = NOW - 10 * DAY_S
    first = session(1, born, metadata={"step": "1"}, **PAID)
    changed = session(1, born, metadata={"step": "2"}, **PAID)
    place.backfill(born, born + 1, Options(transport=Scripted([first], NOW)))

    def between(_: dict[str, str]) -> None:
        newer = Options(transport=Scripted([changed], NOW + 10))
        place.backfill(born, born + 1, newer, stripe__api_version="2025-01-27.acacia")

    older = Scripted([first], NOW + 5, before=between)
    place.backfill(born, born + 1, Options(transport=older))
    assert stored(place) == {"cs_test_0001": changed}
    assert place.value("select count(*) from checkout_session_history") == 0


def test_where_payments_are_waited_for_longer_than_before_they_are_seen(
    place: Installation,
) -> None:
    born = NOW - 10 * DAY_S
    first = [session(1, born, **UNPAID), session(2, born, mode="setup", **UNPAID)]
    api = Scripted(first, NOW)
    sync(place, api, sync__late_payment_days=3)
    api.now += DAY_S
    api.sessions = [session(1, born, **PAID), first[1]]
    assert sync(place, api, sync__late_payment_days=3).counts.updated == 0
    assert sync(place, api, sync__late_payment_days=30).counts.updated == 1
    assert stored(place)["cs_test_0001"] == api.sessions[0]
    assert place.rows("select id from meta.unsettled") == []


def test_a_session_waited_for_longer_than_before_is_unsettled_until_it_is_paid(
    place: Installation,
) -> None:
    born = NOW - 10 * DAY_S
    api = Scripted([session(1, born, **UNPAID)], NOW)
    sync(place, api, sync__late_payment_days=3)
    for days, reasons in ((3, []), (30, [("unpaid",)]), (3, [])):
        api.now += DAY_S
        sync(place, api, sync__late_payment_days=days)
        assert place.rows("select reason from meta.unsettled") == reasons


def test_an_observation_counts_by_its_own_page_where_a_run_began_at_a_later_date(
    place: Installation,
) -> None:
    born = NOW - 10 * DAY_S
    sessions = [session(n, born - n, metadata={"step": "1"}, **PAID) for n in range(101)]
    api = Scripted(sessions, NOW)
    api.before = lambda _: setattr(api, "now", NOW - 5)  # as another of its servers may say
    place.backfill(born - DAY_S, born + 1, Options(transport=api))
    changed = session(100, born - 100, metadata={"step": "2"}, **PAID)
    later = Scripted([changed], NOW - 2)
    place.backfill(born - 100, born - 99, Options(transport=later))
    assert stored(place)["cs_test_0100"] == changed
    assert place.value("select count(*) from checkout_session_history") == 1


def test_an_unsettled_session_that_vanishes_is_marked_and_cleared_when_it_returns(
    place: Installation,
) -> None:
    both = [session(1), session(2)]
    sync(place, Scripted(both, NOW))
    report = sync(place, Scripted([session(1)], NOW + 600))
    assert report.error is None
    assert place.rows(
        "select id, epoch(missing_since)::bigint from checkout_sessions order by id"
    ) == [("cs_test_0001", None), ("cs_test_0002", NOW + 600)]
    assert place.rows("select id from meta.unsettled") == [("cs_test_0001",)]
    assert stored(place)["cs_test_0002"] == session(2)
    shown = place.call("status", "--json").object
    assert shown["missing"] == 1
    place.backfill(BORN, BORN + 1, Options(transport=Scripted(both, NOW + 900)))
    assert (
        place.value("select count(*) from checkout_sessions where missing_since is not null") == 0
    )
    assert place.value("select count(*) from meta.unsettled") == 2
    assert place.value("select count(*) from checkout_session_history") == 0


def test_a_late_older_answer_does_not_bring_back_what_a_newer_one_missed(
    place: Installation,
) -> None:
    sync(place, Scripted([session(1), session(2)], NOW - 600))
    older = Scripted([session(1), session(2)], NOW)
    newer = Scripted([session(1)], NOW + 10)
    overlapped(place, older, newer)
    assert place.rows("select id from checkout_sessions where missing_since is not null") == [
        ("cs_test_0002",)
    ]


def test_a_late_older_answer_leaves_what_a_newer_one_missed_out_of_the_unsettled(
    place: Installation,
) -> None:
    sync(place, Scripted([session(1), session(2)], NOW - 600))
    overlapped(place, Scripted([session(1), session(2)], NOW), Scripted([session(1)], NOW + 10))
    assert place.rows("select id from meta.unsettled") == [("cs_test_0001",)]


def test_a_late_older_version_is_stored_as_one_that_a_newer_answer_missed(
    place: Installation,
) -> None:
    sync(place, Scripted([session(1), session(2)], NOW - 600))
    changed = session(2, metadata={"step": "2"})
    overlapped(place, Scripted([session(1), changed], NOW), Scripted([session(1)], NOW + 10))
    assert stored(place)["cs_test_0002"] == changed
    assert place.rows(
        "select id, epoch(missing_since)::bigint from checkout_sessions order by id"
    ) == [("cs_test_0001", None), ("cs_test_0002", NOW + 10)]
    assert place.rows("select id from meta.unsettled") == [("cs_test_0001",)]


def test_a_late_older_answer_does_not_miss_what_a_newer_one_brought(place: Installation) -> None:
    sync(place, Scripted([session(1)], NOW - 600))
    older = Scripted([], NOW)
    newer = Scripted([session(1)], NOW + 10)
    overlapped(place, older, newer)
    assert (
        place.value("select count(*) from checkout_sessions where missing_since is not null") == 0
    )
    assert place.value("select count(*) from meta.unsettled") == 1


def test_a_settled_session_is_neither_read_again_nor_missed(place: Installation) -> None:
    old = session(1, NOW - 10 * DAY_S, **PAID)
    sync(place, Scripted([old], NOW))
    assert place.value("select count(*) from meta.unsettled") == 0
    api = Scripted([], NOW + 600)
    assert sync(place, api).requests == 1
    assert (
        place.value("select count(*) from checkout_sessions where missing_since is not null") == 0
    )


def test_a_complete_session_gets_one_more_look_after_a_day(place: Installation) -> None:
    born = NOW - HOUR_S
    sync(place, Scripted([session(1, born, **PAID)], NOW), sync__reread_ratio=0.02)
    assert place.rows("select reason from meta.unsettled") == [("fresh",)]
    later = born + 25 * HOUR_S
    api = Scripted([session(1, born, invoice="in_1", **PAID)], later - 1)
    assert sync(place, api, sync__reread_ratio=0.02).counts.updated == 0
    api.now = later
    assert sync(place, api, sync__reread_ratio=0.02).counts.updated == 1
    assert place.value("select count(*) from meta.unsettled") == 0
    assert place.value("select invoice from checkout_sessions") == "in_1"


def test_an_unpaid_session_is_followed_for_sixty_two_days_and_read_once_after(
    place: Installation,
) -> None:
    born = NOW - DAY_S
    api = Scripted([session(1, born, **UNPAID)], NOW)
    sync(place, api)
    assert place.rows("select reason from meta.unsettled") == [("unpaid",)]
    api.now = born + 62 * DAY_S - 1
    sync(place, api)
    assert place.value("select count(*) from meta.unsettled") == 1
    api.now += 1
    assert sync(place, api).counts.unchanged == 1
    assert place.value("select count(*) from meta.unsettled") == 0


def test_an_unsettled_session_before_a_start_that_was_moved_behind_it_is_read_again(
    place: Installation,
) -> None:
    born = NOW - SETTLE_S // 2  # stored, but not covered yet
    sync(place, Scripted([session(1, born)], NOW))
    api = Scripted([session(1, born, **PAID)], NOW + 2 * DAY_S)
    assert sync(place, api, sync__start="2026-09-22").counts.updated == 1
    assert stored(place)["cs_test_0001"]["status"] == "complete"


def test_a_setup_session_is_not_waited_for_a_payment(place: Installation) -> None:
    sync(place, Scripted([session(1, NOW - 3 * DAY_S, **UNPAID, mode="setup")], NOW))
    assert place.value("select count(*) from meta.unsettled") == 0


def test_a_clock_that_goes_back_is_not_believed(place: Installation) -> None:
    sync(place, Scripted([session(1)], NOW))
    before = place.coverage()
    report = sync(place, Scripted([session(1), session(2)], NOW - SETTLE_S - 1))
    assert type(report.error).__name__ == "SourceContractError"
    assert report.exit_code == 3
    assert place.coverage() == before
    assert len(stored(place)) == 1
    assert sync(place, Scripted([session(1), session(2)], NOW - SETTLE_S)).error is None


def test_what_a_request_took_does_not_count_as_seen(place: Installation) -> None:
    api = Scripted([session(1)], NOW)
    report = sync(place, api)
    assert report.newest_covered < NOW - SETTLE_S + 1
    assert place.coverage() == [(START - 1, report.newest_covered)]


@pytest.mark.parametrize(
    ("name", "page", "headers"),
    [
        ("no list", {"object": "search_result", "has_more": False, "data": []}, {}),
        ("no has_more", {"object": "list", "data": []}, {}),
        ("has_more no boolean", {"object": "list", "has_more": 1, "data": []}, {}),
        ("data no list", {"object": "list", "has_more": False, "data": {}}, {}),
        ("empty and more", {"object": "list", "has_more": True, "data": []}, {}),
        ("no object", {"object": "list", "has_more": False, "data": [1]}, {}),
        ("no id", {"object": "list", "has_more": False, "data": [{"created": 1}]}, {}),
        (
            "other object",
            {"object": "list", "has_more": False, "data": [session() | {"object": "charge"}]},
            {},
        ),
        (
            "created no integer",
            {"object": "list", "has_more": False, "data": [session() | {"created": "1"}]},
            {},
        ),
        (
            "outside the window",
            {"object": "list", "has_more": False, "data": [session(1, START - 1)]},
            {},
        ),
        (
            "oldest first",
            {"object": "list", "has_more": False, "data": [session(1), session(2, BORN + 1)]},
            {},
        ),
        ("twice", {"object": "list", "has_more": False, "data": [session(1), session(1)]}, {}),
        (
            "both modes",
            {"object": "list", "has_more": False, "data": [session(1), session(2, livemode=True)]},
            {},
        ),
        ("no date", {"object": "list", "has_more": False, "data": [session()]}, {"Date": None}),
        ("bad date", {"object": "list", "has_more": False, "data": [session()]}, {"Date": "now"}),
    ],
)
def test_a_breach_of_the_lists_contract_is_not_believed(
    name: str, page: dict[str, Any], headers: dict[str, str | None], place: Installation
) -> None:
    import httpx  # noqa: PLC0415 -- one test makes answers by hand

    good = Scripted([], NOW)

    def answer(request: httpx.Request) -> httpx.Response:
        response = good.handle_request(request)
        given = {**response.headers, **headers}
        given.pop("content-length", None)
        kept = {k: v for k, v in {k.title(): v for k, v in given.items()}.items() if v is not None}
        return httpx.Response(200, json=page, headers=kept)

    report = place.sync(Options(transport=httpx.MockTransport(answer)))
    assert type(report.error).__name__ == "SourceContractError", name
    assert report.exit_code == 3
    assert not place.warehouse.exists() or (stored(place) == {} and place.coverage() == [])


BAD = [
    session(2, BORN + 1, amount_total="a hundred", client_secret="cs_secret_1"),
    session(2, BORN + 1, metadata={"k": 1}, client_secret="cs_secret_1"),
    session(2, BORN + 1, expires_at=2**62, client_secret="cs_secret_1"),
    session(2, BORN + 1, amount_total=2**63, nested={"client_secret": "cs_secret_1"}),
    session(2, BORN + 1, customer=17, client_secret="cs_secret_1"),
    session(2, BORN + 1, client_reference_id="half \ud83d", client_secret="cs_secret_1"),
    session(2, BORN + 1, unknown="half \udc00", client_secret="cs_secret_1"),
    session(2, BORN + 1, unknown={"half \ud83d": 1}, client_secret="cs_secret_1"),
    json.dumps(session(2, BORN + 1, client_secret="cs_secret_1")).replace(
        '"currency"', '"metadata": {"k": "1", "k": "2"}, "currency"'
    ),
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_page_with_one_session_that_does_not_fit_loads_the_others(
    bad: dict[str, Any] | str, place: Installation
) -> None:
    good = [session(1, BORN), session(3, BORN + 2, **PAID)]
    report = sync(place, Scripted([*good, bad], NOW))
    kept = stored(place)
    assert {s["id"] for s in good} <= kept.keys()
    assert all(kept[s["id"]] == scrubbed(s) for s in good)
    if "cs_test_0002" in kept:  # a repeated key has a last value, and may be kept for that
        assert report.outcome == "completed"
        return
    assert (report.outcome, report.exit_code) == ("completed_with_rejects", 4)
    assert report.counts.row()["sessions_read"] == 3
    assert report.counts.rejected == 1
    ((account, session_id, created, reason, payload),) = place.rows(
        "select account, id, epoch(created)::bigint, reason, payload from meta.rejects"
    )
    assert (account, session_id, created) == ("default", "cs_test_0002", BORN + 1)
    assert reason
    assert "a hundred" not in reason
    assert "cs_test_0002" in payload
    assert "cs_secret_1" not in payload
    assert "client_secret" not in payload
    assert place.runs() == [("sync", "completed_with_rejects")]
    assert place.coverage() == [(START - 1, report.watermark)]
    # Once it fits, it is loaded and no longer a reject.
    mended = session(2, BORN + 1)
    again = place.backfill(BORN, BORN + 10, Options(transport=Scripted([*good, mended], NOW + 600)))
    assert again.outcome == "completed"
    assert place.value("select count(*) from meta.rejects") == 0
    assert len(stored(place)) == 3


def test_a_stored_session_that_no_longer_fits_stays_as_it_was(place: Installation) -> None:
    sync(place, Scripted([session(1)], NOW))
    report = sync(place, Scripted([session(1, amount_total="x")], NOW + 600))
    assert report.exit_code == 4
    assert stored(place) == {"cs_test_0001": session(1)}
    assert (
        place.value("select count(*) from checkout_sessions where missing_since is not null") == 0
    )
    assert place.value("select count(*) from meta.unsettled") == 1
