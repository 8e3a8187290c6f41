"""Requests that the official client can't send get the answers that Stripe gives."""

import gzip
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from emulator_fixture import KEY, NOW

from pipelines.emulator.access import RateLimit
from pipelines.emulator.app import Running
from pipelines.emulator.errors import ApiError, masked

LIST = "/v1/checkout/sessions"
HINT = (
    "This property cannot be expanded (customer). "
    "You may want to try expanding 'data.customer' instead."
)


@pytest.mark.parametrize(
    ("query", "message", "code", "param"),
    [
        ("foo=1", "Received unknown parameter: foo", "parameter_unknown", "foo"),
        ("created[after]=1", "Received unknown parameter: created[after]", "parameter_unknown",
         "created[after]"),
        ("customer_details[name]=x", "Received unknown parameter: customer_details[name]",
         "parameter_unknown", "customer_details[name]"),
        ("limit=abc", "Invalid integer: abc", "parameter_invalid_integer", "limit"),
        ("created=1.5", "Invalid integer: 1.5", "parameter_invalid_integer", "created"),
        ("created[gte]=now", "Invalid integer: now", "parameter_invalid_integer", "created[gte]"),
        ("limit=0", "This value must be greater than or equal to 1.",
         "parameter_invalid_integer", "limit"),
        ("limit=101", "This value must be less than or equal to 100.",
         "parameter_invalid_integer", "limit"),
        ("status=done", "Invalid status: must be one of complete, expired, or open", None,
         "status"),
        ("starting_after=a&ending_before=b",
         "Received both starting_after and ending_before parameters. Please pass in only one.",
         None, None),
        ("starting_after=cs_test_x", "No such checkout.session: 'cs_test_x'", "resource_missing",
         "starting_after"),
        ("ending_before=cs_test_x", "No such checkout.session: 'cs_test_x'", "resource_missing",
         "ending_before"),
        ("expand[]=customer", HINT, None, "expand"),
        ("expand[]=data.status", "This property cannot be expanded (data.status).", None,
         "expand"),
        ("expand=data.customer", "Invalid array", None, "expand"),
        ("customer_details=x", "Invalid object", None, "customer_details"),
        ("limit[gt]=1", "Invalid string", None, "limit"),
    ],
)  # fmt: skip
def test_a_bad_list_parameter_is_refused_in_stripes_words(
    query: str, message: str, code: str | None, param: str | None, http: httpx.Client
) -> None:
    response = http.get(f"{LIST}?{query}")
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert error["message"] == message
    assert error.get("code") == code
    assert error.get("param") == param
    assert ("doc_url" in error) == (code is not None)


def test_an_empty_value_is_refused(http: httpx.Client) -> None:
    for name in ("customer", "created", "limit", "starting_after", "customer_details[email]"):
        error = http.get(f"{LIST}?{name}=").json()["error"]
        assert error["code"] == "parameter_invalid_empty"
        assert error["message"].startswith(f"You passed an empty string for '{name}'.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/foo"),
        ("GET", "/"),
        ("GET", f"{LIST}/"),
        ("POST", LIST),
        ("DELETE", f"{LIST}/cs_test_x"),
        ("PUT", f"{LIST}/cs_test_x/line_items"),
    ],
)
def test_an_unknown_route_is_named_in_the_refusal(
    method: str, path: str, http: httpx.Client
) -> None:
    response = http.request(method, path)
    assert response.status_code == 404
    message = response.json()["error"]["message"]
    assert message.startswith(f"Unrecognized request URL ({method}: {path}). If you are")


def test_only_metadata_can_be_updated(http: httpx.Client, sessions: list[dict[str, Any]]) -> None:
    url = f"{LIST}/{sessions[0]['id']}"
    error = http.post(url, data={"status": "complete"}).json()["error"]
    assert error["code"] == "parameter_unknown"
    assert error["param"] == "status"
    assert http.post(f"{LIST}/cs_test_x", data={"metadata[a]": "b"}).status_code == 404
    assert http.post(url, data={"metadata[" + "k" * 41 + "]": "v"}).status_code == 400
    assert http.post(url, data={"metadata[k]": "v" * 501}).status_code == 400


def test_line_items_take_no_filters(http: httpx.Client, sessions: list[dict[str, Any]]) -> None:
    url = f"{LIST}/{sessions[0]['id']}/line_items"
    assert http.get(f"{url}?status=open").json()["error"]["param"] == "status"
    assert http.get(f"{url}?starting_after=li_x").json()["error"]["code"] == "resource_missing"
    assert http.get(f"{LIST}/cs_test_x/line_items").status_code == 404


@pytest.mark.parametrize("header", ["", "Bearer", "Basic", "Basic !!!", "Digest abc"])
def test_no_key_is_a_401(header: str, emulator: Running) -> None:
    response = httpx.get(emulator.url + LIST, headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.json()["error"]["message"].startswith("You did not provide an API key.")


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_key_counts_as_user_or_as_bearer(auth: str, emulator: Running) -> None:
    def get(key: str) -> httpx.Response:
        if auth == "basic":
            return httpx.get(emulator.url + LIST, auth=(key, ""))
        return httpx.get(emulator.url + LIST, headers={"Authorization": f"Bearer {key}"})

    assert get(KEY).status_code == 200
    refused = get("sk_tset_1234567890")
    assert refused.status_code == 401
    message = refused.json()["error"]["message"]
    assert message == "Invalid API Key provided: sk_tset_****7890"


def test_a_masked_key_gives_nothing_away() -> None:
    assert masked("sk_test_abcdefgh1234") == "sk_test_****1234"
    assert masked("sk_test_abc") == "sk_test_****"
    assert masked("password") == "****word"
    assert masked("abc") == "****"


@pytest.mark.parametrize("path", [f"{LIST}?limit=1", f"{LIST}?foo=1", "/v1/foo", LIST + "/x"])
def test_every_response_says_its_date_id_and_version(path: str, http: httpx.Client) -> None:
    first, second = http.get(path), http.get(path, headers={"Stripe-Version": "2024-06-20"})
    assert parsedate_to_datetime(first.headers["date"]).timestamp() == NOW
    assert first.headers["date"].endswith(" GMT")
    assert first.headers["content-type"] == "application/json"
    assert first.headers["stripe-version"] == "2026-10-28.endive"
    assert second.headers["stripe-version"] == "2024-06-20"
    assert first.headers["request-id"].startswith("req_")
    assert first.headers["request-id"] != second.headers["request-id"]
    assert "server" not in first.headers


def test_large_bodies_are_compressed_for_those_who_take_it(http: httpx.Client) -> None:
    def raw(coding: str, limit: int) -> tuple[str | None, bytes]:
        url = f"{LIST}?limit={limit}&created[gt]={NOW if limit == 1 else 0}"
        with http.stream("GET", url, headers={"Accept-Encoding": coding}) as response:
            return response.headers.get("content-encoding"), b"".join(response.iter_raw())

    _, plain = raw("identity", 50)
    coding, packed = raw("br, gzip;q=0.8", 50)
    assert coding == "gzip"
    assert gzip.decompress(packed) == plain
    assert raw("gzip;q=0", 50)[0] is None
    assert raw("gzip", 1)[0] is None  # an empty page is too small to be worth it


def test_parameters_may_be_repeated_and_indexed(
    http: httpx.Client, sessions: list[dict[str, Any]]
) -> None:
    page = http.get(f"{LIST}?limit=1&limit=2&expand[0]=data.line_items&expand[]=data.customer")
    assert [s["id"] for s in page.json()["data"]] == [s["id"] for s in sessions[:2]]
    assert all("line_items" in s for s in page.json()["data"])
    plain = http.get(f"{LIST}?limit=2").json()["data"]
    assert not any("line_items" in s for s in plain)


def test_the_rate_limit_holds_in_any_one_second() -> None:
    limit = RateLimit(2)
    limit.take("a", 0)
    limit.take("a", 0.75)
    with pytest.raises(ApiError):
        limit.take("a", 0.875)
    limit.take("b", 0.875)
    limit.take("a", 1)
    with pytest.raises(ApiError):
        limit.take("a", 1.5)
    limit.take("a", 1.75)


def test_latency_delays_a_request(start: Callable[..., Running]) -> None:
    own = start(latency_ms=40)
    response = httpx.get(own.url + LIST, auth=(KEY, ""))
    assert response.elapsed.total_seconds() >= 0.7 * 0.040
