"""One request: what is sent, when it is tried again, and what of a response is believed."""

import json
import logging
import os
import time
from collections.abc import Iterator

import httpx
import msgspec
import pytest
from canned import NOW, SECRET, World, answer, listing, session
from hypothesis import given
from hypothesis import strategies as st

from pipelines.batches import Reject
from pipelines.errors import (
    ConfigError,
    SourceAuthError,
    SourceContractError,
    SourceError,
    SourceRequestError,
    TransientSourceError,
)
from pipelines.flatten import Flattener
from pipelines.keys import Key
from pipelines.pace import Pace
from pipelines.settings import Account, Settings, Stripe
from pipelines.stripe_api import ApiClock, Page, Stopped, StripeApi

LIMIT = [("limit", "100")]
PAGE = answer(listing([session("cs_2"), session("cs_1")], has_more=True), request_id="req_1")
MESSAGE = b'{"error":{"type":"api_error","message":"Something went wrong."}}'
DEEP = "[" * 5_000 + "]" * 5_000
BUSY = answer(MESSAGE, 503, request_id="req_9")


def ids(page: Page) -> list[str]:
    return [msgspec.json.decode(raw)["id"] for raw in page.data]


def error_body(**fields: str) -> bytes:
    return json.dumps({"error": {"type": "invalid_request_error", **fields}}).encode()


class BrokenOff(httpx.SyncByteStream):
    """A body that ends before its end."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"object":"list","has_more":fal'
        raise httpx.RemoteProtocolError("peer closed connection without sending complete body")


# What is sent.


def test_a_request_carries_the_key_the_version_and_the_parameters_in_order(world: World) -> None:
    api = world.api(PAGE)
    params = [("limit", "100"), ("created[gt]", "5"), ("expand[]", "data.line_items")]
    assert ids(api.list_sessions(params)) == ["cs_2", "cs_1"]
    (request,) = world.requests
    assert request.method == "GET"
    assert request.url.host == "api.stripe.com"
    assert request.url.path == "/v1/checkout/sessions"
    assert request.url.params.multi_items() == params
    assert request.headers["Authorization"] == f"Bearer {SECRET}"
    assert request.headers["Stripe-Version"] == "2026-10-28.endive"
    assert "Stripe-Account" not in request.headers
    assert SECRET not in str(request.url)


def test_a_connected_account_is_named_in_a_header(world: World) -> None:
    world.api(PAGE, stripe_account="acct_1A").list_sessions(LIMIT)
    assert world.requests[0].headers["Stripe-Account"] == "acct_1A"


def test_a_base_url_may_have_a_path(world: World) -> None:
    world.api(PAGE, base_url="https://proxy.example.com/stripe").list_sessions(LIMIT)
    assert world.requests[0].url.path == "/stripe/v1/checkout/sessions"


def test_the_settings_and_the_account_say_how_the_api_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_EU", SECRET)
    settings = Settings(
        stripe=Stripe(base_url="https://a.example", api_version="2020-08-27", retry_for_s=0)
    )
    account = Account(name="eu", key_env="KEY_EU", stripe_account="acct_1A")
    api = StripeApi.of(settings, account, world.transport(BUSY))
    with pytest.raises(TransientSourceError):
        api.list_sessions(LIMIT)
    (request,) = world.requests
    assert request.url.host == "a.example"
    assert request.headers["Stripe-Version"] == "2020-08-27"
    assert request.headers["Stripe-Account"] == "acct_1A"
    assert request.headers["Authorization"] == f"Bearer {SECRET}"
    monkeypatch.delenv("KEY_EU")
    with pytest.raises(ConfigError):
        StripeApi.of(settings, account)


def test_the_fingerprint_tells_base_url_key_and_connected_account_apart(world: World) -> None:
    different = [
        {},
        {"base_url": "https://other.example.com"},
        {"key": Key(SECRET + "x")},
        {"stripe_account": "acct_1A"},
        {"stripe_account": "acct_1B"},
    ]
    prints = [world.api(PAGE, **options).fingerprint for options in different]
    assert len(set(prints)) == len(different)
    assert prints == [world.api(PAGE, **options).fingerprint for options in different]
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in prints)


def test_requests_keep_to_the_shared_pace(world: World) -> None:
    api = world.api(PAGE, pace=Pace(2))
    for _ in range(4):
        api.list_sessions(LIMIT)
    assert world.waits == pytest.approx([0.5, 0.5, 0.5])


# When it is tried again.


@pytest.mark.parametrize(
    "failure",
    [
        *(pytest.param(answer(MESSAGE, s), id=str(s)) for s in (409, 429, 500, 502, 503, 504, 599)),
        pytest.param(answer(b"<html>Bad gateway", 502), id="502 with a page"),
        pytest.param(answer(b"", 500), id="500 without a body"),
        pytest.param(answer(MESSAGE, 400, Stripe_Should_Retry="true"), id="400, but advised to"),
        pytest.param(answer(MESSAGE, 401, Stripe_Should_Retry="true"), id="401, but advised to"),
        pytest.param(answer(MESSAGE, 503, Stripe_Should_Retry="perhaps"), id="503, odd advice"),
        pytest.param(httpx.ConnectError("refused"), id="no connection"),
        pytest.param(httpx.ConnectTimeout("slow"), id="no connection in time"),
        pytest.param(httpx.ReadTimeout("slow"), id="no answer in time"),
        pytest.param(httpx.ReadError("reset"), id="reset"),
        pytest.param(httpx.WriteError("reset"), id="reset while asking"),
        pytest.param(httpx.RemoteProtocolError("Server disconnected"), id="disconnected"),
        pytest.param(httpx.ProxyError("502"), id="proxy"),
        pytest.param(httpx.Response(200, stream=BrokenOff()), id="a body broken off"),
        pytest.param(answer(b'{"object":"list","has_more":fal'), id="a body cut off"),
        pytest.param(answer(b'{"object":"list","data":[{"id":"c\xc3'), id="cut in a character"),
        pytest.param(answer(b'{"object":"list","data":[{"n":-'), id="cut in a number"),
        pytest.param(answer(b'{"object":"list","data":[{"n":"\\ud83d'), id="cut in a pair"),
        pytest.param(answer(b'{"object":"list","data":["\\ud83d",{'), id="cut after half a pair"),
        pytest.param(answer(listing([DEEP])[:-1]), id="cut behind deep nesting"),
        pytest.param(answer(listing(['{"a":"\\ud83d"}', DEEP])[:-1]), id="cut behind both"),
        pytest.param(answer(b""), id="an empty body"),
        pytest.param(answer(b"no gzip", Content_Encoding="gzip"), id="broken gzip"),
    ],
)
def test_what_may_pass_is_tried_again(world: World, failure: httpx.Response | Exception) -> None:
    api = world.api(failure, failure, PAGE)
    assert ids(api.list_sessions(LIMIT)) == ["cs_2", "cs_1"]
    assert (api.requests, api.retries) == (3, 2)
    assert len(world.requests) == 3
    assert len({str(request.url) for request in world.requests}) == 1
    assert len(world.waits) == 2


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (answer(MESSAGE, 400), SourceRequestError),
        (answer(MESSAGE, 401), SourceAuthError),
        (answer(MESSAGE, 402), SourceRequestError),
        (answer(MESSAGE, 403), SourceAuthError),
        (answer(MESSAGE, 404), SourceRequestError),
        (answer(b"<html>Not found", 404), SourceRequestError),
        (answer(b"[" * 50_000, 404), SourceRequestError),
        (answer(b'{"error":"no"}', 422), SourceRequestError),
        (answer(MESSAGE, 409, Stripe_Should_Retry="false"), TransientSourceError),
        (answer(MESSAGE, 429, Stripe_Should_Retry="false"), TransientSourceError),
        (answer(MESSAGE, 503, Stripe_Should_Retry="false"), TransientSourceError),
        (answer(listing([session()]) + b"<!-- by a proxy -->"), SourceContractError),
        (answer(b'{"object":"list","has_more":false,"data":[{"id":"\xff"}]}'), SourceContractError),
        (answer(b'{"object":"list","has_more":-no}'), SourceContractError),
        (answer(b'{"object":"list","has_more":false,"data":"\\ud83d"}!'), SourceContractError),
    ],
)
def test_what_will_not_pass_is_not_tried_again(
    world: World, failure: httpx.Response, kind: type[SourceError]
) -> None:
    api = world.api(failure)
    with pytest.raises(SourceError) as error:
        api.list_sessions(LIMIT)
    assert type(error.value) is kind
    assert error.value.status == failure.status_code
    assert "stays; " in error.value.message or "stored, " in error.value.message
    assert error.value.exit_code == 3
    assert (api.requests, api.retries) == (1, 0)
    assert world.waits == []


def test_a_refusal_carries_what_the_api_said(world: World) -> None:
    body = error_body(
        message="No such checkout.session: 'cs_x'", code="resource_missing", param="starting_after"
    )
    with pytest.raises(SourceRequestError) as error:
        world.api(answer(body, 400, Request_Id="req_7")).list_sessions(LIMIT)
    assert error.value.code == "resource_missing"
    assert error.value.param == "starting_after"
    assert (error.value.status, error.value.request_id) == (400, "req_7")
    assert "No such checkout.session: 'cs_x'" in error.value.message


def test_a_refusal_without_code_and_param_has_none(world: World) -> None:
    with pytest.raises(SourceRequestError) as error:
        world.api(answer(MESSAGE, 400)).list_sessions(LIMIT)
    assert (error.value.code, error.value.param, error.value.request_id) == (None, None, None)


@pytest.mark.parametrize("retry_for_s", [0, 0.4, 10, 300])
def test_trying_again_ends_in_time(world: World, retry_for_s: float) -> None:
    api = world.api(BUSY, retry_for_s=retry_for_s)
    began = world.now
    with pytest.raises(TransientSourceError) as error:
        api.list_sessions(LIMIT)
    assert world.now - began <= retry_for_s
    assert world.now - began > retry_for_s - 20 - 1
    assert api.requests == api.retries + 1 == len(world.requests)
    assert (error.value.status, error.value.request_id) == (503, "req_9")
    assert (
        f"after {api.requests} {'try.' if api.requests == 1 else 'tries.'}" in error.value.message
    )
    assert "503" in error.value.message
    assert "next run" in error.value.message


def test_the_time_that_slow_failures_take_counts_too(world: World) -> None:
    def slow(_: httpx.Request) -> httpx.Response:
        world.now += 60
        raise httpx.ReadTimeout("slow")

    api = world.api(slow, retry_for_s=150)
    with pytest.raises(TransientSourceError):
        api.list_sessions(LIMIT)
    assert api.requests == 3


def test_waits_grow_exponentially_with_jitter_up_to_twenty_seconds(world: World) -> None:
    with pytest.raises(TransientSourceError):
        world.api(BUSY, retry_for_s=300).list_sessions(LIMIT)
    longest = [0.5, 1, 2, 4, 8, 16, 20, 20, 20]
    assert len(world.waits) >= len(longest)
    assert all(most / 2 <= wait <= most for wait, most in zip(world.waits, longest, strict=False))
    assert len(set(world.waits)) == len(world.waits)


@pytest.mark.parametrize("header", ["7", "7.0", " 7 "])
def test_retry_after_is_obeyed(world: World, header: str) -> None:
    api = world.api(answer(MESSAGE, 429, Retry_After=header), PAGE)
    api.list_sessions(LIMIT)
    assert world.waits == [7.0]


def test_retry_after_is_obeyed_of_a_refusal_that_the_api_advises_to_try_again(
    world: World,
) -> None:
    advised = answer(MESSAGE, 400, Retry_After="7", Stripe_Should_Retry="true")
    world.api(advised, PAGE).list_sessions(LIMIT)
    assert world.waits == [7.0]


def test_retry_after_does_not_shorten_the_wait(world: World) -> None:
    world.api(answer(MESSAGE, 429, Retry_After="0"), PAGE).list_sessions(LIMIT)
    assert 0.25 <= world.waits[0] <= 0.5


@pytest.mark.parametrize("header", ["soon", "-5", "nan", "Mon, 23 Nov 2026 05:00:00 GMT", ""])
def test_a_retry_after_that_says_nothing_leaves_the_usual_wait(world: World, header: str) -> None:
    world.api(answer(MESSAGE, 503, Retry_After=header), PAGE).list_sessions(LIMIT)
    assert 0.25 <= world.waits[0] <= 0.5


@pytest.mark.parametrize("header", ["301", "1e300", "inf"])
def test_a_retry_after_beyond_the_time_left_ends_it_at_once(world: World, header: str) -> None:
    api = world.api(answer(MESSAGE, 429, Retry_After=header), retry_for_s=300)
    with pytest.raises(TransientSourceError):
        api.list_sessions(LIMIT)
    assert (api.requests, world.waits) == (1, [])


def test_why_the_rate_was_limited_is_said(world: World) -> None:
    limited = answer(MESSAGE, 429, Stripe_Rate_Limited_Reason="endpoint-rate")
    with pytest.raises(TransientSourceError, match="endpoint-rate"):
        world.api(limited, retry_for_s=0).list_sessions(LIMIT)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(world: World, status: int) -> None:
    moved = answer(b"", status, Location="https://evil.example/v1/checkout/sessions")
    with pytest.raises(SourceContractError, match=r"stripe\.base_url"):
        world.api(moved, PAGE).list_sessions(LIMIT)
    assert [request.url.host for request in world.requests] == ["api.stripe.com"]


def test_once_stopped_nothing_is_sent(world: World) -> None:
    api = world.api(PAGE)
    api.stop()
    with pytest.raises(Stopped):
        api.list_sessions(LIMIT)
    assert world.requests == []


def test_a_stop_ends_the_wait_for_the_next_try(world: World) -> None:
    def stopping(_: httpx.Request) -> httpx.Response:
        api.stop()
        return answer(MESSAGE, 503)

    api = world.api(stopping)
    with pytest.raises(Stopped):
        api.list_sessions(LIMIT)
    assert api.requests == 1


def test_a_stop_ends_the_wait_for_the_rest_of_an_answer(world: World) -> None:
    class Slow(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"object":"list",'
            api.stop()
            yield b'"has_more":false,'
            raise AssertionError("read on after the stop")

    api = world.api(httpx.Response(200, stream=Slow()))
    with pytest.raises(Stopped):
        api.list_sessions(LIMIT)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadError("closed"),
        httpx.ReadTimeout("closed"),
        RuntimeError("Cannot send a request, as the client has been closed."),
    ],
)
def test_a_request_cut_off_by_a_stop_is_no_failure(world: World, failure: Exception) -> None:
    def closing(_: httpx.Request) -> httpx.Response:
        api.close()
        raise failure

    api = world.api(closing)
    with pytest.raises(Stopped):
        api.list_sessions(LIMIT)


# What is shown.


@pytest.mark.parametrize(
    "echo",
    [
        pytest.param(answer(error_body(message=f"Invalid API Key: {SECRET}"), 401), id="401"),
        pytest.param(answer(error_body(message=f"No: {SECRET}"), 403), id="403"),
        pytest.param(answer(error_body(message=SECRET, code=SECRET, param=SECRET), 400), id="400"),
        pytest.param(answer(error_body(message="x" * 290 + SECRET), 400), id="cut in the key"),
        pytest.param(answer(error_body(message=f"Wait, {SECRET}"), 503), id="503"),
        pytest.param(answer(MESSAGE, 429, Stripe_Rate_Limited_Reason=SECRET), id="a reason"),
        pytest.param(answer(MESSAGE, 400, Request_Id=SECRET), id="a request id"),
        pytest.param(answer(b"", 302, Location=f"https://x/?{SECRET}"), id="a redirect"),
        pytest.param(answer(f"<html>{SECRET}".encode()), id="a page"),
        pytest.param(answer(f'{{"object":"{SECRET}"'.encode()), id="cut off"),
        pytest.param(
            answer(f'{{"object":"{SECRET}","has_more":true,"data":[]}}'.encode()), id="an object"
        ),
        pytest.param(
            answer(f'{{"object":"list","has_more":"{SECRET}","data":[]}}'.encode()), id="a list"
        ),
        pytest.param(answer(listing([]), date=SECRET, Request_Id=SECRET), id="a Date"),
        pytest.param(
            answer(listing([]), date=f"Mon, 23 Nov 2020 05:00:00 GMT {SECRET}"), id="an old Date"
        ),
        pytest.param(httpx.ConnectError(f"refused {SECRET}"), id="a connection"),
    ],
)
def test_the_key_is_never_shown_even_where_the_api_sends_it_back(
    world: World, caplog: pytest.LogCaptureFixture, echo: httpx.Response | Exception
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = ApiClock(60, latest=NOW)
    with pytest.raises(SourceError) as error:
        world.api(echo, clock=clock, retry_for_s=2).list_sessions(LIMIT)
    shown = f"{error.value!r} {error.value} {error.value.message} {vars(error.value)} {caplog.text}"
    assert SECRET[:14] not in shown


def test_what_the_api_said_is_shown_as_one_short_line(world: World) -> None:
    body = error_body(message="One\ntwo\x1b[31m\u202e three\ud800 " + "x" * 1_000)
    with pytest.raises(SourceRequestError) as error:
        world.api(answer(body, 400)).list_sessions(LIMIT)
    assert "One two [31m three x" in error.value.message
    assert str(error.value).isprintable()
    assert len(error.value.message) < 400
    error.value.message.encode()


# What of a response is believed.


def test_a_page_is_what_the_response_says(world: World) -> None:
    page = world.api(PAGE).list_sessions(LIMIT)
    assert ids(page) == ["cs_2", "cs_1"]
    assert page.has_more is True
    assert page.api_time == NOW
    assert page.request_id == "req_1"


def test_the_sessions_of_a_page_stay_byte_for_byte(world: World) -> None:
    text = '{ "id":"cs_1", "n": 1.10, "name":"Zo\\u00eb" }'
    page = world.api(answer(listing([text]))).list_sessions(LIMIT)
    assert [bytes(raw) for raw in page.data] == [text.encode()]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"object":"checkout.session","has_more":false,"data":[]}', id="no list"),
        pytest.param(b'{"object":null,"has_more":false,"data":[]}', id="null for an object"),
        pytest.param(b'{"has_more":false,"data":[]}', id="no object"),
        pytest.param(b'{"object":"list","data":[]}', id="no has_more"),
        pytest.param(b'{"object":"list","has_more":null,"data":[]}', id="null for has_more"),
        pytest.param(b'{"object":"list","has_more":0,"data":[]}', id="a number for has_more"),
        pytest.param(b'{"object":"list","has_more":"false","data":[]}', id="a text for has_more"),
        pytest.param(b'{"object":"list","has_more":false}', id="no data"),
        pytest.param(b'{"object":"list","has_more":false,"data":null}', id="null for data"),
        pytest.param(b'{"object":"list","has_more":false,"data":{}}', id="an object for data"),
        pytest.param(b'{"object":"list","has_more":0,"data":["\\ud800"]}', id="odd, half a pair"),
        pytest.param(b"[]", id="a bare list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"<!DOCTYPE html><html><body>Sign in</body></html>", id="a page"),
        pytest.param(b"OK", id="a word"),
        pytest.param(listing(["[" * 50_000]), id="nested without end"),
        pytest.param(listing(["5", "[" * 5_000 + "]" * 5_000]), id="nested, beside a number"),
        pytest.param(b"[" * 50_000 + b"]" * 50_000, id="nested, without a list's members"),
    ],
)
def test_an_answer_that_is_no_list_is_not_believed_and_not_asked_for_again(
    world: World, body: bytes
) -> None:
    api = world.api(answer(body, request_id="req_5"))
    with pytest.raises(SourceContractError) as error:
        api.list_sessions(LIMIT)
    assert (error.value.status, error.value.request_id) == (200, "req_5")
    assert "stored" in error.value.message
    assert api.requests == 1
    assert api.clock.latest == 0


@pytest.mark.parametrize("status", [201, 204, 206])
def test_a_success_that_is_no_200_is_not_believed(world: World, status: int) -> None:
    with pytest.raises(SourceContractError) as error:
        world.api(answer(listing([]), status)).list_sessions(LIMIT)
    assert error.value.status == status


def test_half_a_surrogate_pair_in_one_session_spoils_no_other(world: World) -> None:
    texts = [json.dumps(session("cs_2")), json.dumps(session("cs_1", locale="\ud800"))]
    page = world.api(answer(listing(texts, has_more=True))).list_sessions(LIMIT)
    assert page.has_more is True
    good, bad = Flattener().decode(page.data)
    assert good.head.id == "cs_2"
    assert isinstance(bad, Reject)
    assert bad.head.id == "cs_1"


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "yesterday",
        "1790000000",
        "Mon, 32 Nov 2026 05:00:00 GMT",
        "Mon, 23 Nov 2026 05:00:00 +99999999999999",
        "0",
    ],
)
def test_a_response_without_a_date_that_can_be_read_is_not_believed(
    world: World, date: str | None
) -> None:
    with pytest.raises(SourceContractError, match="Date"):
        world.api(answer(listing([]), date=date)).list_sessions(LIMIT)


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 -0000",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_a_date_is_in_utc_whatever_the_time_zone_of_the_machine(
    world: World, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    before = os.environ.get("TZ")
    try:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        page = world.api(answer(listing([]), date=date)).list_sessions(LIMIT)
    finally:
        monkeypatch.undo() if before is None else monkeypatch.setenv("TZ", before)
        time.tzset()
    assert page.api_time == 784_111_777


def test_a_date_may_be_as_far_before_one_already_seen_as_a_session_may_settle(
    world: World,
) -> None:
    api = world.api(answer(listing([])), answer(listing([]), date=NOW - 60))
    api.list_sessions(LIMIT)
    assert api.list_sessions(LIMIT).api_time == NOW - 60
    assert api.clock.latest == NOW


def test_a_date_further_back_is_not_believed(world: World) -> None:
    api = world.api(answer(listing([])), answer(listing([]), date=NOW - 61))
    api.list_sessions(LIMIT)
    with pytest.raises(SourceContractError, match="went back"):
        api.list_sessions(LIMIT)
    assert api.clock.latest == NOW
    assert api.requests == 2


def test_what_was_answered_while_a_request_was_under_way_makes_its_date_no_step_back(
    world: World,
) -> None:
    def overtaken(_: httpx.Request) -> httpx.Response:
        assert api.list_sessions(LIMIT).api_time == NOW + 5
        return answer(listing([]), date=NOW + 1)

    api = world.api(
        answer(listing([])), overtaken, answer(listing([]), date=NOW + 5), clock=ApiClock(0)
    )
    api.list_sessions(LIMIT)
    assert api.list_sessions(LIMIT).api_time == NOW + 1
    assert api.clock.latest == NOW + 5


def test_the_time_stored_from_an_earlier_run_counts_as_seen(world: World) -> None:
    api = world.api(answer(listing([]), date=NOW - 61), clock=ApiClock(60, latest=NOW))
    with pytest.raises(SourceContractError, match="went back"):
        api.list_sessions(LIMIT)


def test_only_a_list_tells_the_time(world: World) -> None:
    early = answer(MESSAGE, 503, date=NOW + 100_000)
    api = world.api(early, PAGE)
    assert api.list_sessions(LIMIT).api_time == NOW
    assert api.clock.latest == NOW


@given(st.lists(st.integers(0, 200), min_size=1), st.integers(0, 60))
def test_the_api_clock_shows_the_latest_time_and_takes_none_far_before_it(
    times: list[int], settle_s: int
) -> None:
    clock, latest = ApiClock(settle_s), 0
    for api_time in times:
        believed = api_time >= latest - settle_s
        assert clock.see(api_time) is believed
        latest = max(latest, api_time) if believed else latest
        assert clock.latest == latest


@pytest.mark.parametrize(
    ("took_s", "seen_from"), [(0.0, NOW), (0.001, NOW - 1), (1.0, NOW - 1), (2.5, NOW - 3)]
)
def test_what_a_response_holds_was_read_when_it_was_asked_for_at_the_earliest(
    world: World, took_s: float, seen_from: int
) -> None:
    def slow(_: httpx.Request) -> httpx.Response:
        world.now += took_s
        return answer(listing([]))

    page = world.api(slow).list_sessions(LIMIT)
    assert (page.api_time, page.seen_from) == (NOW, seen_from)


def test_the_tries_before_do_not_count_as_time_the_response_took(world: World) -> None:
    def slow(_: httpx.Request) -> httpx.Response:
        world.now += 40
        return answer(MESSAGE, 503)

    page = world.api(slow, answer(listing([]))).list_sessions(LIMIT)
    assert page.seen_from == NOW
