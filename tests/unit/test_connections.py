"""Connections to the API: lent one request at a time, by the environment's proxy, and bounded."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from pipelines.connections import MOST_BYTES, Connections
from pipelines.errors import TransientSourceError
from pipelines.keys import Key
from pipelines.pace import Pace
from pipelines.routes import proxy_for
from pipelines.stripe_api import ApiClock, StripeApi

URL = "https://api.example.com/v1/checkout/sessions"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def connections_by(make: Callable[[], httpx.BaseTransport], timeout_s: float = 5) -> Connections:
    return Connections(make, {}, timeout_s, threading.Event())


class Counted:
    """Makes transports that say which they are, and counts them."""

    def __init__(self) -> None:
        self.made = 0
        self.began = threading.Barrier(2, timeout=60)

    def __call__(self) -> httpx.BaseTransport:
        self.made += 1
        name = str(self.made)

        def handle(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/together":
                self.began.wait()
            return httpx.Response(200, stream=httpx.ByteStream(name.encode()))

        return httpx.MockTransport(handle)


def test_requests_one_after_the_other_take_one_connection_and_two_at_a_time_two() -> None:
    made = Counted()
    connections = connections_by(made)
    for _ in range(3):
        assert connections.get(URL)[1] == b"1"
    other = threading.Thread(target=connections.get, args=["https://api.example.com/together"])
    other.start()
    connections.get("https://api.example.com/together")
    other.join()
    connections.get(URL)
    assert made.made == 2


def test_what_is_closed_sends_nothing() -> None:
    connections = connections_by(Counted())
    connections.close()
    with pytest.raises(httpx.TransportError):
        connections.get(URL)


def canned(*parts: bytes, encoding: str | None = None) -> Connections:
    headers = {"Content-Encoding": encoding} if encoding else {}

    class Parts(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from parts

    def handle(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=Parts())

    return connections_by(lambda: httpx.MockTransport(handle))


def test_a_compressed_body_is_unpacked_whatever_its_parts() -> None:
    body = gzip.compress(b"a page of sessions")
    for at in range(len(body)):
        assert canned(body[:at], body[at:], encoding="gzip").get(URL)[1] == b"a page of sessions"
    with pytest.raises(httpx.DecodingError):
        canned(b"no gzip at all", encoding="gzip").get(URL)


def test_of_a_body_that_never_ends_no_more_is_kept_than_tells_it_is_too_long() -> None:
    part = b"x" * (MOST_BYTES // 8)
    assert MOST_BYTES < len(canned(*[part] * 20).get(URL)[1]) <= MOST_BYTES + len(part)


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, URL, None),
        ({"HTTPS_PROXY": "http://p:1"}, URL, "http://p:1"),
        ({"https_proxy": "p:1"}, URL, "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, URL, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, URL, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, URL, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other.com"}, URL, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "http://127.0.0.1:12111", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost:1", None),
    ],
)
def test_the_environment_names_the_proxy(
    variables: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


def test_the_api_is_asked_by_that_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def refuse() -> None:
            connection, _ = proxy.accept()
            with connection:
                asked.append(connection.recv(1_000))
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")

        serving = threading.Thread(target=refuse, daemon=True)
        serving.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        api = StripeApi(
            "https://api.example.com",
            Key("sk_test_1"),
            api_version="2026-10-28.endive",
            pace=Pace(100),
            clock=ApiClock(60),
            retry_for_s=0,
        )
        with pytest.raises(TransientSourceError, match="ProxyError"):
            api.list_sessions([])
        serving.join()
    assert asked[0].startswith(b"CONNECT api.example.com:443 HTTP/1.1\r\n")
    assert b"sk_test_1" not in asked[0]


def test_a_header_that_comes_a_byte_now_and_then_is_given_up() -> None:
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
                while not gone.wait(0.02):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        connections = connections_by(lambda: httpx.HTTPTransport(trust_env=False), timeout_s=0.1)
        try:
            with pytest.raises(httpx.TransportError):
                connections.get(f"http://127.0.0.1:{server.getsockname()[1]}")
        finally:
            gone.set()
            dripping.join()
            connections.close()


@pytest.mark.parametrize("asked_before", [0, 1])
def test_who_waits_for_an_answer_that_never_comes_is_let_go_when_stopped(asked_before: int) -> None:
    waits = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(times: int) -> None:
            connection, _ = server.accept()
            with connection:
                for _ in range(times):
                    connection.recv(1_000)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                connection.recv(1_000)
                waits.set()
                connection.recv(1_000)  # nothing more comes until it is broken off

        answering = threading.Thread(target=answer, args=[asked_before], daemon=True)
        answering.start()
        # Longer than any test may take: only the stop can end it.
        connections = connections_by(lambda: httpx.HTTPTransport(trust_env=False), timeout_s=3_600)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        for _ in range(asked_before):
            connections.get(url)
        met: list[Exception] = []

        def ask() -> None:
            try:
                connections.get(url)
            except httpx.TransportError as error:
                met.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        assert waits.wait(10)
        connections.stop()
        asking.join(10)
        answering.join(10)
        assert len(met) == 1
        connections.close()
