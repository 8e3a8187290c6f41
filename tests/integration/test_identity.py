"""Coverage belongs to one Stripe account in one mode, whatever the key."""

from collections.abc import Callable

import pytest
from comparison import assert_equal, assert_same_sessions, listed
from installation import KEY, LIVE_KEY, NOW, REPORT_KEYS, Done, Installation, one_line

from pipelines.budget import Budget
from pipelines.emulator.app import Running
from pipelines.errors import ConfigError
from pipelines.fetch import Fetched
from pipelines.pipeline import Fetch, Options
from pipelines.windows import Window

Start = Callable[..., Running]
Install = Callable[..., Installation]

EVERYTHING = (
    "from checkout_sessions order by id",
    "from checkout_session_history",
    "from meta.coverage",
    "from meta.unsettled order by id",
    "from meta.accounts",
    "from meta.rejects",
)


def contents(place: Installation) -> list[object]:
    """All that is stored, but for the runs, as text."""
    return [
        place.rows(sql.replace("from", "select columns(*)::varchar from", 1)) for sql in EVERYTHING
    ]


def test_a_test_key_swapped_for_a_live_one_is_refused_and_the_file_is_untouched(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=100)
    place = install(emulator.url)
    place.sync()
    before, bytes_before = contents(place), place.warehouse.read_bytes()
    emulator.advance(3_600)
    for command in (("sync",), ("backfill", "--from", "2026-09-01", "--to", "2026-10-01")):
        done = place.call(*command, STRIPE_API_KEY=LIVE_KEY)
        assert done.code == 2
        assert "another Stripe account or mode" in one_line(done.err)
        assert place.warehouse.read_bytes() == bytes_before
    assert contents(place) == before
    assert place.sync(sync__reread_ratio=0).error is None
    assert_equal(place, emulator)


def test_the_refusal_of_a_key_is_in_the_json_too(start: Start, install: Install) -> None:
    emulator = start(sessions=30)
    place = install(emulator.url)
    place.sync()
    done = place.call("sync", "--json", STRIPE_API_KEY=LIVE_KEY)
    assert done.code == 2
    assert done.object.keys() == REPORT_KEYS | {"error"}
    assert done.object["outcome"] == "failed"
    assert done.object["error"].keys() == {"type", "message", "request_id"}
    assert done.object["error"]["type"] == "ConfigError"
    one_line(done.err)


def test_a_live_key_for_a_warehouse_without_sessions_to_ask_for_is_refused_by_its_mode(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=30)
    place = install(emulator.url)
    place.sync()
    place.change("delete from checkout_sessions; delete from meta.coverage")
    before = contents(place)
    done = place.call("sync", STRIPE_API_KEY=LIVE_KEY)
    assert done.code == 2
    assert "live mode" in one_line(done.err)
    assert contents(place) == before


@pytest.mark.parametrize("key", ["sk_test_mistyped", "nonsense", "sk_test_integration_and_more"])
def test_a_mistyped_key_is_refused_and_nothing_is_written(
    key: str, start: Start, install: Install
) -> None:
    emulator = start(sessions=100, keys=(KEY,))
    place = install(emulator.url)
    done = place.call("sync", STRIPE_API_KEY=key)
    assert done.code == 3
    line = one_line(done.err.replace("integration", ""))
    assert "401" in line
    assert key not in done.err
    assert not place.warehouse.exists()
    place.sync()
    before, bytes_before = contents(place), place.warehouse.read_bytes()
    done = place.call("sync", STRIPE_API_KEY=key)
    assert done.code == 3
    assert contents(place) == before
    assert place.warehouse.read_bytes() == bytes_before


def test_a_key_that_was_revoked_fails_with_a_row_that_says_so(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=100, keys=(KEY,))
    place = install(emulator.url)
    place.sync()
    with_other = start(sessions=100, keys=("sk_test_other",), port=0)
    # The same address and key as before, at an API that has revoked the key.
    emulator.emulator._keys = with_other.emulator._keys
    done = place.call("sync", "--json")
    assert done.code == 3
    assert done.object["error"]["type"] == "SourceAuthError"
    assert done.object["error"]["request_id"].startswith("req_")
    assert place.runs() == [("sync", "completed"), ("sync", "failed")]
    status = place.call("status", "--json").object
    assert "401" in status["last_error"]["message"]


def test_a_rotated_key_of_the_same_account_is_accepted_and_remembered(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=100)
    place = install(emulator.url)
    place.sync()
    before = place.value("select key_fingerprint from meta.accounts")
    emulator.advance(600)
    emulator.reset()
    assert place.call("sync", STRIPE_API_KEY="rk_test_rotated").code == 0
    after = place.value("select key_fingerprint from meta.accounts")
    assert after != before
    assert len(after) == 16
    first = emulator.requests()[0]["query"]
    assert "limit=1&" in first
    assert "starting_after=cs_" in first
    emulator.reset()
    assert place.call("sync", STRIPE_API_KEY="rk_test_rotated").code == 0
    assert not any("limit=1&" in r["query"] for r in emulator.requests())
    assert place.value("select count(*) from meta.accounts") == 1
    assert_equal(place, emulator, all_read_now=False)


def test_an_account_renamed_is_refused_naming_its_old_name(start: Start, install: Install) -> None:
    emulator = start(sessions=100)
    old = install(emulator.url, accounts=[{"name": "shop_eu"}])
    old.sync()
    before, bytes_before = contents(old), old.warehouse.read_bytes()
    new = install(emulator.url, accounts=[{"name": "shop_europe"}])
    done = new.call("sync")
    assert done.code == 2
    line = one_line(done.err)
    assert "'shop_eu'" in line
    assert "'shop_europe'" in line
    assert new.warehouse.read_bytes() == bytes_before
    assert contents(new) == before


def test_two_new_accounts_with_one_key_are_refused_before_anything_is_asked(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=30)
    place = install(emulator.url, accounts=TWO)
    for command in (("sync",), ("backfill", "--from", "2026-09-01", "--to", "2026-10-01")):
        done = place.call(*command, **{**BOTH, "KEY_LIVE": KEY})
        assert done.code == 2
        assert "'test' and 'live'" in one_line(done.err)
    assert emulator.requests() == []
    assert not place.warehouse.exists()


def test_one_key_reads_the_accounts_that_are_connected_to_it(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=30, accounts=3)
    connected = [{"name": f"shop{n}", "stripe_account": f"acct_{n}"} for n in (2, 3)]
    place = install(emulator.url, accounts=[{"name": "shop1"}, *connected])
    assert place.call("sync", STRIPE_API_KEY="sk_test_1").code == 0
    assert place.value("select count(*) from checkout_sessions") == 3 * 30


def after(first: Callable[[], Done]) -> Options:
    """Options of a run during which something else is done, before its first page is read."""
    done: list[Done] = []

    def wrap(fetch: Fetch) -> Fetch:
        def later(window: Window, budget: Budget) -> Fetched:
            if not done:
                done.append(first())
                assert done[0].code == 0, done[0].err
            return fetch(window, budget)

        return later

    return Options(wrap=wrap)


def test_a_key_that_another_account_got_meanwhile_is_refused(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=300)
    place = install(emulator.url, accounts=[{"name": "eu"}, {"name": "us"}])
    report = place.sync(after(lambda: place.run("sync", "--account", "us")), account="eu")
    assert (report.outcome, report.counts.inserted) == ("failed", 0)
    assert isinstance(report.error, ConfigError)
    assert "'us'" in report.error.message
    stored = place.rows("select account, count(*) from checkout_sessions group by 1")
    assert stored == [("us", 300)]
    assert place.rows("select account from meta.accounts") == [("us",)]


def test_an_account_that_another_key_got_meanwhile_is_refused(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=300)
    place = install(emulator.url)
    report = place.sync(after(lambda: place.run("sync", STRIPE_API_KEY=LIVE_KEY)))
    assert (report.outcome, report.counts.inserted) == ("failed", 0)
    assert isinstance(report.error, ConfigError)
    assert "with another key meanwhile" in report.error.message
    assert place.rows("select distinct livemode from checkout_sessions") == [(True,)]
    assert place.rows("select livemode from meta.accounts") == [(True,)]


def test_an_account_of_an_empty_shop_may_get_another_key(start: Start, install: Install) -> None:
    emulator = start(sessions=0, days_ahead=5)
    place = install(emulator.url)
    place.sync()
    assert place.call("sync", STRIPE_API_KEY="rk_test_rotated").code == 0


TWO = [{"name": "test", "key_env": "KEY_TEST"}, {"name": "live", "key_env": "KEY_LIVE"}]
BOTH = {"KEY_TEST": KEY, "KEY_LIVE": LIVE_KEY, "STRIPE_API_KEY": None}


def test_two_accounts_are_both_complete_and_apart(start: Start, install: Install) -> None:
    emulator = start(sessions=100)
    place = install(emulator.url, accounts=TWO)
    done = place.call("sync", "--json", **BOTH)
    assert done.code == 0
    assert done.err == ""
    assert done.object.keys() == {"outcome", "accounts"}
    assert done.object["outcome"] == "completed"
    assert [each["account"] for each in done.object["accounts"]] == ["test", "live"]
    assert all(each.keys() == REPORT_KEYS for each in done.object["accounts"])
    assert_equal(place, emulator, account="test", key=KEY)
    assert_equal(place, emulator, account="live", key=LIVE_KEY)
    assert place.rows("select account, livemode from meta.accounts order by 1") == [
        ("live", True),
        ("test", False),
    ]
    shown = place.call("status", "--json").object
    assert (shown.keys(), shown["outcome"]) == ({"outcome", "accounts"}, "completed")
    assert [each["account"] for each in shown["accounts"]] == ["test", "live"]
    one = place.call("sync", "--account", "live", "--json", **BOTH)
    assert one.object["account"] == "live"


def test_one_account_that_fails_does_not_stop_the_others(start: Start, install: Install) -> None:
    emulator = start(sessions=100, keys=(KEY, "sk_test_third"))
    accounts = [{"name": "live", "key_env": "KEY_LIVE"}, {"name": "test", "key_env": "KEY_TEST"}]
    place = install(emulator.url, accounts=accounts)
    done = place.call("sync", "--json", **BOTH)
    assert done.code == 3
    assert done.object["outcome"] == "failed"
    assert [each["outcome"] for each in done.object["accounts"]] == ["failed", "completed"]
    assert "live: " in one_line(done.err)
    assert_same_sessions(place, list(listed(emulator.url, KEY)), account="test")
    assert place.value("select count(*) from meta.coverage where account = 'live'") == 0


def test_the_exit_code_is_the_highest_of_all_accounts(start: Start, install: Install) -> None:
    emulator = start(sessions=100, keys=(KEY, LIVE_KEY))
    place = install(emulator.url, accounts=TWO)
    place.call("sync", **BOTH)
    swapped = place.call("sync", **{**BOTH, "KEY_TEST": LIVE_KEY, "KEY_LIVE": "sk_live_unknown"})
    # The first is another account's key (2), the second isn't known at all (3).
    assert swapped.code == 3
    assert len(swapped.err.splitlines()) == 2


def test_an_accounts_own_start_and_rate_are_obeyed(start: Start, install: Install) -> None:
    emulator = start(sessions=100)
    accounts = [{"name": "a", "start": "2026-09-15", "requests_per_second": 500}]
    place = install(emulator.url, accounts=accounts)
    report = place.sync()
    begin = 1_789_430_400
    assert place.coverage("a") == [(begin - 1, report.watermark)]
    assert report.counts.inserted == sum(s["created"] >= begin for s in emulator.sessions())
    assert begin < NOW
