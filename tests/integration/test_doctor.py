"""The doctor says what is wrong and what to do, and changes nothing."""

import re
from collections.abc import Callable

import duckdb
import pytest
from installation import DAY_S, KEY, NOW, Installation

from pipelines.emulator.app import Running

Start = Callable[..., Running]
Install = Callable[..., Installation]


SHORT = {"CHECKOUTS_PRIVACY_KEY": "a secret"}


def said(out: str) -> dict[str, str]:
    """What was said of each thing that was looked at: ok or bad."""
    lines = [line.split()[:2] for line in out.splitlines() if line[:4] in ("ok  ", "bad ")]
    return {name: verdict for verdict, name in lines}


def test_all_is_well_before_and_after_the_first_sync(start: Start, install: Install) -> None:
    place = install(start(sessions=20, now=None, frozen=False).url)
    done = place.call("doctor")
    assert done.code == 0, done.out
    assert not place.warehouse.exists()
    assert place.call("sync").code == 0
    done = place.call("doctor")
    assert done.code == 0
    assert set(said(done.out).values()) == {"ok"}
    assert set(said(done.out)) == {
        "config", "key", "api", "clock", "extensions", "warehouse", "disk", "prefect",
    }  # fmt: skip
    assert KEY not in done.out


def test_a_privacy_key_that_is_there_is_well(start: Start, install: Install) -> None:
    place = install(start(sessions=20, now=None, frozen=False).url, privacy__hash=["customer"])
    done = place.call("doctor", CHECKOUTS_PRIVACY_KEY="a key of sixteen letters")
    assert (done.code, said(done.out)["privacy"]) == (0, "ok")
    assert "sixteen" not in done.out


@pytest.mark.parametrize(
    ("environ", "bad", "code"),
    [
        ({"STRIPE_API_KEY": None}, "key", 2),
        ({"STRIPE_API_KEY": "pk_live_secret"}, "key", 2),
        ({"STRIPE_API_KEY": "sk_test_secret"}, "api", 3),
        ({"CHECKOUTS_STRIPE__BASE_URL": "http://127.0.0.1:9"}, "api", 3),
        ({"CHECKOUTS_SYNC__OVERLAP": "never"}, "config", 2),
        ({"CHECKOUTS_PRIVACY__HASH": "customer_email"}, "privacy", 2),
        ({"CHECKOUTS_PRIVACY__HASH": "customer_email", **SHORT}, "privacy", 2),
        ({"CHECKOUTS_WAREHOUSE__PATH": "config.yaml/checkouts.duckdb"}, "warehouse", 5),
        ({"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "prefect", 2),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(
    environ: dict[str, str | None], bad: str, code: int, start: Start, install: Install
) -> None:
    place = install(start(sessions=20, now=None, frozen=False, keys=(KEY,)).url)
    # Prefect reads its settings once a process.
    call = place.run if bad == "prefect" else place.call
    done = call("doctor", **environ)
    assert done.code == code, done.out
    assert [name for name, verdict in said(done.out).items() if verdict == "bad"] == [bad]
    assert "-> " in done.out
    assert "given up" not in done.out.partition("-> ")[2]
    assert "secret" not in re.sub("no secret or|a secret key|a secret of", "", done.out)


def test_two_accounts_with_one_key_are_told(start: Start, install: Install) -> None:
    emulator = start(sessions=20, now=None, frozen=False)
    accounts = [{"name": name, "key_env": "STRIPE_API_KEY"} for name in ("shop", "store")]
    done = install(emulator.url, accounts=accounts).call("doctor")
    assert done.code == 2
    (line,) = [line for line in done.out.splitlines() if line.startswith("bad ")]
    assert "'shop' and 'store' have the same key" in line


def test_a_proxy_that_is_none_is_told_of_both_that_need_it(start: Start, install: Install) -> None:
    place = install(start(sessions=20, now=None, frozen=False).url)
    away = {"CHECKOUTS_STRIPE__BASE_URL": "https://api.example.com"}
    done = place.call("doctor", HTTPS_PROXY="socks5://user:hunter2@proxy:1080", **away)
    assert done.code == 2
    assert [name for name, verdict in said(done.out).items() if verdict == "bad"] == [
        "api",
        "prefect",
    ]
    assert done.out.count("HTTPS_PROXY names a SOCKS proxy") == 2
    assert "hunter2" not in done.out


def test_a_clock_that_is_off_is_told(start: Start, install: Install) -> None:
    place = install(start(sessions=20, now=NOW - DAY_S).url)
    done = place.call("doctor")
    assert said(done.out)["clock"] == "bad"


def test_who_holds_the_file_is_told(start: Start, install: Install) -> None:
    place = install(start(sessions=20, now=None, frozen=False).url)
    assert place.call("sync").code == 0
    with duckdb.connect(str(place.warehouse)):
        done = place.run("doctor", CHECKOUTS_WAREHOUSE__LOCK_TIMEOUT_S="0")
    assert done.code == 5
    found, remedy = done.out.partition("bad  warehouse")[2].splitlines()[:2]
    assert "is in use by process" in found
    assert found.endswith("; waited 0 s")
    assert remedy.strip().startswith("-> wait until it has ended, or end it")
