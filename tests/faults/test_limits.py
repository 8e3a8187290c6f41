"""Numbers, times and sizes at and beyond what anybody should send: all of it lands, or is told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from installation import Installation, one_line
from truth_shop import (
    DAY_S,
    NOW,
    SETTLE_S,
    START,
    Handmade,
    Place,
    assert_equal,
    handmade,
    http_date,
    said,
)

from pipelines import lists
from pipelines.emulator.app import Running
from pipelines.findings import Findings
from pipelines.runs import Options
from pipelines.verify import verify

Start = Callable[..., Running]
Install = Callable[..., Place]
Tried = Callable[[str], None]

YEAR_2038 = 2**31
YEAR_9999 = 253_402_300_799
AMOUNTS = [0, 1, -1, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
TIMES = [0, 1, -1, 2**31 - 1, YEAR_2038, YEAR_2038 + 1, YEAR_9999, YEAR_9999 + 1, 2**42]


def api_of(sessions: list[dict[str, Any]], now: int = NOW) -> Options:
    return Options(transport=Handmade(lambda _: sessions, now))


def looked_at(place: Place, options: Options) -> Findings:
    settings = place.settings()
    return verify(settings, settings.chosen()[0], None, options)


def by_id(sessions: list[dict[str, Any]]) -> dict[str, str]:
    return {session["id"]: said(json.dumps(session)) for session in sessions}


@pytest.mark.tried("amounts up to 2^63, and beyond")
def test_amounts_up_to_64_bits_are_exact_and_beyond_are_set_aside(
    install: Install, tried: Tried
) -> None:
    sessions = [handmade(n, NOW - 100 - n, amount_total=amount) for n, amount in enumerate(AMOUNTS)]
    beyond = [
        handmade(50 + n, NOW - 100, amount_total=amount)
        for n, amount in enumerate([2**63, -(2**63) - 1, 10**30, 1.5, "12", True])
    ]
    place = install("https://api.example")
    api = api_of(sessions + beyond)
    report = place.sync(api)
    assert report.outcome == "completed_with_rejects"
    assert report.exit_code == 4
    assert (report.counts.inserted, report.counts.rejected) == (len(sessions), len(beyond))
    stored = place.rows("select amount_total from checkout_sessions order by created desc")
    assert stored == [(amount,) for amount in AMOUNTS]
    assert_equal(place, by_id(sessions))
    found = looked_at(place, api)
    assert found.exit_code == 0
    assert len(found.of("rejected")) == len(beyond)
    tried(f"exact; beyond: set aside, exit {report.exit_code}")


@pytest.mark.tried("`created` at 0, negative, after 2038, after the year 9999")
def test_times_from_before_1970_to_beyond_the_year_9999_are_stored_and_shown(
    tmp_path: Path, tried: Tried
) -> None:
    sessions = [handmade(n, second) for n, second in enumerate(TIMES)]
    place = Installation(tmp_path / "asked", "https://api.example", sync__start="1900-01-01")
    for _ in range(2):
        report = place.sync(api_of(sessions))
        assert report.outcome == "completed", report.error
    settings = place.settings()
    assert verify(settings, settings.chosen()[0], None, api_of(sessions)).exit_code == 0
    for format_ in ("table", "csv", "json"):
        done = place.call("sql", "select * from checkout_sessions", "--format", format_)
        assert (done.code, done.err) == (0, "")
    for file_name in ("all.parquet", "all.csv"):
        assert place.call("sql", "select * from checkout_sessions", "-o", file_name).code == 0
    done = place.call("status")
    assert (done.code, done.err) == (0, "")
    assert len(lists.rows({"data": sessions})) == len(TIMES)
    stored = place.rows("select epoch_us(created) // 1000000 from checkout_sessions order by 1")
    assert [second for (second,) in stored] == sorted(TIMES)
    ((_, until),) = place.coverage()
    assert until <= NOW - SETTLE_S
    tried("stored and shown")


def test_a_session_that_is_refused_by_the_database_may_be_of_any_time(install: Install) -> None:
    refused = handmade(1, YEAR_9999 + DAY_S)
    text = json.dumps(refused).replace('"metadata": {}', r'"metadata": {"a": 1e999, "b": "\u0000"}')
    place = install("https://api.example")
    report = place.sync(Options(transport=Verbatim([text])))
    assert report.error is None, report.error
    assert report.counts.rejected + report.counts.inserted == 1


@dataclass
class Verbatim(httpx.BaseTransport):
    """An API with one page of texts."""

    texts: list[str]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        del request
        body = f'{{"object":"list","has_more":false,"data":[{",".join(self.texts)}]}}'
        return httpx.Response(200, text=body, headers={"Date": http_date(NOW)})


@pytest.mark.tried("an account without sessions")
def test_an_empty_account_is_complete(start: Start, tmp_path: Path, tried: Tried) -> None:
    emulator = start(sessions=0, days_ahead=0)
    place = Installation(tmp_path / "empty", emulator.url)
    for arguments in (["sync"], ["sync", "--json"], ["verify"], ["status"], ["status", "--json"]):
        done = place.call(*arguments)
        assert (done.code, done.err) == (0, ""), arguments
    assert place.call("sql", "-q", "sessions_by_status").code == 0
    assert place.coverage() == [(START - 1, NOW - SETTLE_S - 1)] or place.coverage()[0][1] <= NOW
    tried("complete")


@pytest.mark.tried("payloads of 1 MB, metadata of 500 keys")
def test_sessions_of_a_megabyte_with_five_hundred_keys_are_stored_whole(
    install: Install, tried: Tried
) -> None:
    wide = {f"key_{n:03d}": "ä" * 500 for n in range(500)}
    long = {"note": "\N{SHOPPING TROLLEY}" * 250_000}
    sessions = [handmade(n, NOW - 100 - n, metadata=wide) for n in range(10)]
    sessions += [handmade(50 + n, NOW - 200 - n, metadata=long) for n in range(10)]
    assert len(json.dumps(sessions[-1], ensure_ascii=False).encode()) > 1_000_000
    place = install("https://api.example", sync__reread_ratio=0)
    api = api_of(sessions)
    for _ in range(2):
        assert place.sync(api).outcome == "completed"
    assert_equal(place, by_id(sessions))
    assert looked_at(place, api).alarms == []
    ((keys,),) = place.rows("select max(cardinality(metadata)) from checkout_sessions")
    assert keys == 500
    tried("stored whole")


@dataclass
class Crowd(httpx.BaseTransport):
    """An API whose sessions fill one day evenly; a session is known by its place in it."""

    sessions: int
    first: int = NOW - 3 * DAY_S

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        params = dict(request.url.params)
        newest = self._through(int(params.get("created[lte]", NOW)))
        oldest = self._through(int(params["created[gt]"]))
        if "starting_after" in params:
            newest = min(newest, int(params["starting_after"].removeprefix("cs_test_")))
        end = max(oldest, newest - 100)
        data = ",".join(self._texts(newest, end))
        body = f'{{"object":"list","has_more":{json.dumps(end > oldest)},"data":[{data}]}}'
        return httpx.Response(200, text=body, headers={"Date": http_date(NOW)})

    def _through(self, second: int) -> int:
        """How many sessions were created up to a second, itself included."""
        inside = min(max(second - self.first + 1, 0), DAY_S)
        return -(-inside * self.sessions // DAY_S)

    def _texts(self, newest: int, end: int) -> Iterator[str]:
        for n in range(newest - 1, end - 1, -1):
            created = self.first + n * DAY_S // self.sessions
            yield (
                f'{{"id":"cs_test_{n}","object":"checkout.session","created":{created},'
                '"livemode":false,"status":"expired","payment_status":"unpaid"}'
            )


@pytest.mark.tried("a million sessions in one day")
@pytest.mark.long
def test_a_million_sessions_in_one_day_load_completely(install: Install, tried: Tried) -> None:
    place = install("https://api.example", stripe__requests_per_second=10_000)
    report = place.sync(Options(transport=Crowd(1_000_000)))
    assert report.outcome == "completed", report.error
    assert report.counts.inserted == 1_000_000
    ((count, distinct),) = place.rows("select count(*), count(distinct id) from checkout_sessions")
    assert (count, distinct) == (1_000_000, 1_000_000)
    assert len(place.coverage()) == 1
    # A page a hundred sessions, and little more.
    assert report.requests < 10_000 * 1.1
    tried(str(report.outcome).removesuffix("d"))


def test_a_crowded_day_loads_completely(install: Install) -> None:
    place = install("https://api.example", stripe__requests_per_second=10_000)
    report = place.sync(Options(transport=Crowd(20_000)))
    assert report.outcome == "completed", report.error
    assert place.rows("select count(distinct id) from checkout_sessions") == [(20_000,)]


def test_numbers_beyond_the_years_are_refused_on_the_command_line(tmp_path: Path) -> None:
    place = Installation(tmp_path / "asked", "http://127.0.0.1:9")
    for day in ("0000-01-01", "10000-01-01", "-1", str(2**63)):
        done = place.call("backfill", "--from", day, "--to", "2026-01-01")
        assert done.code == 2
        one_line(done.err)
