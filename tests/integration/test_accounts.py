"""Several accounts side by side: one warehouse, one writer, a shop and a pace each."""

import json
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from comparison import assert_equal
from installation import Installation
from starlette.types import Receive, Scope, Send

from pipelines.emulator.app import Running
from pipelines.emulator.server import Server, listen, run, url_of

Start = Callable[..., Running]
Install = Callable[..., Installation]
CONFIG = ("--config", "our two shops.yaml")


def accounts_of(numbers: range, **more: Any) -> list[dict[str, Any]]:
    """Accounts as config.yaml has them."""
    return [{"name": f"shop{n}", "key_env": f"KEY_{n}", **more} for n in numbers]


def keys_of(numbers: range) -> dict[str, str | None]:
    """The variables of their keys."""
    return {f"KEY_{n}": f"sk_test_{n}" for n in numbers}


@contextmanager
def failing_for(emulator: Running, key: str) -> Iterator[str]:
    """The emulator's other address, where one key gets nothing but a 500."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if f"Bearer {key}".encode() not in dict(scope["headers"]).values():
            await emulator.emulator(scope, receive, send)
            return
        headers = [(b"request-id", b"req_broken"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"error": {"message": "Oops"}}'})

    ready = threading.Event()
    with listen(0) as sock:
        server = Server(app, ready.set)
        thread = threading.Thread(target=run, args=(server, sock), daemon=True)
        thread.start()
        ready.wait()
        try:
            yield url_of(sock)
        finally:
            server.should_exit = True
            thread.join()


def synced(start: Start, install: Install, numbers: range) -> Installation:
    """An installation whose accounts, of sixty sessions each, are up to date."""
    emulator = start(sessions=60, accounts=len(numbers))
    place = install(emulator.url, accounts=accounts_of(numbers))
    assert place.call("sync", **keys_of(numbers)).code == 0
    return place


def test_of_twenty_accounts_two_that_fail_are_named_and_the_others_are_complete(
    start: Start, install: Install
) -> None:
    everyone, good = range(1, 21), range(1, 19)
    emulator = start(sessions=40, days=10, accounts=20)
    with failing_for(emulator, "sk_test_20") as url:
        place = install(
            url, accounts=accounts_of(everyone, requests_per_second=2), stripe__retry_for_s=1
        )
        keys = keys_of(everyone) | {"KEY_19": "sk_test_revoked"}
        done = place.call("sync", "--json", **keys)
    assert done.code == 3
    assert done.object["outcome"] == "failed"
    told = {each["account"]: each for each in done.object["accounts"]}
    assert [name for name, each in told.items() if each["outcome"] == "failed"] == [
        "shop19",
        "shop20",
    ]
    assert "401" in told["shop19"]["error"]["message"]
    assert told["shop20"]["error"]["request_id"] == "req_broken"
    lines = done.err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["shop19", "shop20"]
    assert "sk_test_" not in done.err.replace("sk_test_****", "")
    shops = set()
    for n in good:
        assert told[f"shop{n}"]["inserted"] == 40
        sessions = assert_equal(place, emulator, account=f"shop{n}", key=f"sk_test_{n}")
        shops.add(sessions[0]["id"])
    assert len(shops) == len(good)
    assert place.value("select count(*) from checkout_sessions") == 18 * 40


def test_only_the_accounts_that_are_named_are_read(start: Start, install: Install) -> None:
    emulator = start(sessions=50, accounts=3)
    place = install(emulator.url, accounts=accounts_of(range(1, 4)))
    done = place.call("sync", "--account", "shop2", **keys_of(range(1, 4)))
    assert done.code == 0
    assert place.rows("select distinct account from checkout_sessions") == [("shop2",)]


def test_status_shows_an_account_that_is_stored_and_no_longer_in_the_config(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=30, accounts=2, now=None, frozen=False)
    place = install(emulator.url, accounts=accounts_of(range(1, 3), start="2020-01-01"))
    assert place.call("sync", **keys_of(range(1, 3))).code == 0
    both = place.call("status", "--json").object["accounts"]
    place.change("update meta.coverage set until = until - 86400 where account = 'shop1'")
    place = install(emulator.url, accounts=accounts_of(range(2, 3), start="2020-01-01"))
    shown = place.call("status", "--json", "--max-age", "1h")
    assert (shown.code, shown.err) == (0, "")  # nobody syncs it any more
    kept, gone = shown.object["accounts"]
    assert (kept["account"], kept["in_config"]) == ("shop2", True)
    assert (gone["account"], gone["in_config"]) == ("shop1", False)
    assert gone.keys() == kept.keys() == both[0].keys()
    assert gone["sessions"] == 30
    assert gone["holes"] == []
    assert gone["watermark"] < both[0]["watermark"]
    text = place.call("status").out.splitlines()
    assert {"shop2", "shop1 (not in config.yaml)"} <= set(text)
    alone = place.call("status", "--json", "--account", "shop2").object
    assert alone["account"] == "shop2"


def test_a_connected_account_is_read_with_the_platforms_key(start: Start, install: Install) -> None:
    emulator = start(sessions=50, accounts=3)
    connected = {"key_env": "KEY_1", "stripe_account": "acct_3"}
    place = install(emulator.url, accounts=[{"name": "third", **connected}])
    assert place.call("sync", **keys_of(range(1, 2))).code == 0
    assert_equal(place, emulator, account="third", key="sk_test_3")
    assert place.call("verify", **keys_of(range(1, 2))).code == 0


def test_a_connected_account_without_access_is_refused(start: Start, install: Install) -> None:
    emulator = start(sessions=50, accounts=3)
    connected = {"key_env": "KEY_1", "stripe_account": "acct_9"}
    place = install(emulator.url, accounts=[{"name": "ninth", **connected}])
    done = place.call("sync", **keys_of(range(1, 2)))
    assert done.code == 3
    assert "acct_9" in done.err
    assert not place.warehouse.exists()


def test_verify_compares_all_accounts_and_names_the_one_that_differs(
    start: Start, install: Install
) -> None:
    keys = keys_of(range(1, 4))
    place = synced(start, install, range(1, 4))
    place.change("delete from checkout_sessions where account = 'shop2' and status = 'expired'")
    done = place.call("verify", "--json", **keys)
    assert done.code == 6
    assert [each["outcome"] for each in done.object["accounts"]] == [
        "completed",
        "different",
        "completed",
    ]
    assert done.object["accounts"][1]["missing"]["count"] > 0


@pytest.mark.parametrize(
    "options",
    [(), ("--account", "shop2"), CONFIG, ("--account", "shop2", *CONFIG)],
    ids=["all", "one", "other settings", "one of other settings"],
)
def test_the_backfill_that_verify_prints_mends_as_it_stands(
    options: tuple[str, ...], start: Start, install: Install
) -> None:
    place = synced(start, install, range(1, 3))
    place.change("delete from checkout_sessions where account = 'shop2' and status = 'expired'")
    if CONFIG[0] in options:
        place.file.rename(place.folder / CONFIG[1])
    keys = keys_of(range(2, 3)) if "shop2" in options else keys_of(range(1, 3))
    done = place.call("verify", *options, **keys)
    assert done.code == 6
    program, *arguments = shlex.split(done.out.splitlines()[-1])
    assert program == "checkouts"
    # It reads no other account, whose key may not even be there.
    mended = place.call(*arguments, **keys_of(range(2, 3)))
    assert (mended.code, mended.err) == (0, "")
    assert place.call("verify", *options, **keys).code == 0


def test_the_backfills_that_verify_prints_are_its_last_lines(
    start: Start, install: Install
) -> None:
    keys = keys_of(range(1, 4))
    place = synced(start, install, range(1, 4))
    place.change("delete from checkout_sessions where account <> 'shop3' and status = 'expired'")
    *_, other, one, two = place.call("verify", **keys).out.splitlines()
    assert other == "shop3: 60 sessions compared: no difference"
    for line, name in ((one, "shop1"), (two, "shop2")):
        program, *arguments = shlex.split(line)
        assert program == "checkouts"
        assert arguments[-2:] == ["--account", name]
        assert place.call(*arguments, **keys).code == 0
    assert place.call("verify", **keys).code == 0


def test_a_log_for_programs_has_a_line_a_window_and_the_request_of_each_failure(
    start: Start, install: Install
) -> None:
    emulator = start(sessions=60, accounts=2)
    place = install(emulator.url, accounts=accounts_of(range(1, 3)))
    done = place.call("sync", "--log-format", "json", KEY_1="sk_test_1", KEY_2="sk_test_x")
    assert done.code == 3
    lines = [json.loads(line) for line in done.err.splitlines()]
    loaded = [line for line in lines if ": loaded " in line["message"]]
    windows = place.value("select sum(windows) from meta.runs")
    assert len(loaded) == windows > 0
    assert {line["account"] for line in loaded} == {"shop1"}
    assert sum(line["sessions"] for line in loaded) == 60
    (failed,) = (line for line in lines if line["level"] == "ERROR")
    assert failed["account"] == "shop2"
    assert failed["request_id"].startswith("req_")
    assert failed["error"] == "SourceAuthError"
    assert all("sk_test_x" not in line for line in done.err.splitlines())


def test_without_a_log_format_only_the_failure_is_told(start: Start, install: Install) -> None:
    emulator = start(sessions=60, keys=("sk_test_else",))
    place = install(emulator.url)
    done = place.call("sync")
    (line,) = done.err.splitlines()
    assert "request req_" in line


@pytest.mark.parametrize(
    ("key", "header", "number"),
    [("sk_test_2", {}, 2), ("sk_test_1", {"Stripe-Account": "acct_2"}, 2), ("rk_test_1", {}, 1)],
)
def test_the_emulator_has_a_shop_of_its_own_for_each_key(
    key: str, header: dict[str, str], number: int, start: Start
) -> None:
    emulator = start(sessions=20, accounts=2)
    asked = {"auth": (key, ""), "headers": header, "params": {"limit": 100}}
    page = httpx.get(f"{emulator.url}/v1/checkout/sessions", **asked).json()
    ids = [session["id"] for session in page["data"]]
    assert ids == [session["id"] for session in emulator.sessions(account=number)]
    assert ids != [session["id"] for session in emulator.sessions(account=3 - number)]


@pytest.mark.parametrize("key", ["sk_test_0", "sk_test_3", "sk_test_01", "sk_test_abc"])
def test_the_emulator_refuses_a_key_that_no_account_has(key: str, start: Start) -> None:
    emulator = start(sessions=20, accounts=2)
    response = httpx.get(f"{emulator.url}/v1/checkout/sessions", auth=(key, ""))
    assert response.status_code == 401
