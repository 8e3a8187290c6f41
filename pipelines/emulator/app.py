"""Stripe's Checkout Sessions endpoint over HTTP: routes, keys, errors, headers, control."""

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from random import Random
from typing import Any

from isal import igzip
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from pipelines.emulator.access import TEST_ACCOUNT, Account, Keys, RateLimit, key_of
from pipelines.emulator.breaches import spoiled, without_cursor
from pipelines.emulator.clock import Clock
from pipelines.emulator.errors import ApiError, unknown_url
from pipelines.emulator.faults import Fault, Faults, instead
from pipelines.emulator.ids import Codes
from pipelines.emulator.loaded import Loaded
from pipelines.emulator.messages import Request, Response
from pipelines.emulator.options import Options
from pipelines.emulator.params import cursors, expand_only, list_query, metadata_edit, pairs_of
from pipelines.emulator.sendings import SENDINGS, Connection, well
from pipelines.emulator.server import Server, listen, run, url_of
from pipelines.emulator.shop import Shop
from pipelines.emulator.stats import Stats
from pipelines.emulator.store import Store, listing

__all__ = ["API_VERSION", "Emulator", "Options", "Running", "running", "serve"]

API_VERSION = "2026-10-28.endive"

_SESSIONS = "/v1/checkout/sessions"
_ONE = re.compile(rf"{_SESSIONS}/([^/]+)")
_LINE_ITEMS = re.compile(rf"{_SESSIONS}/([^/]+)/line_items")
_CONTROL = "/_emulator/"
_GZIP_LEAST_BYTES = 1024
_MOST_FORM_BYTES = 1 << 20
_LOG = logging.getLogger(__name__)


class Emulator:
    """The endpoint as an ASGI application.

    Args:
        options: how it is set up.

    Raises:
        ValueError: the file to load isn't one of sessions.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock(options.now, frozen=options.frozen)
        self.stats = Stats()
        self._start = int(self.clock.now())
        self._loaded = Store(Loaded(options.load)) if options.load else None
        self._stores: dict[Account, Store] = {}
        self._keys = Keys(options.keys, options.accounts)
        self._faults = Faults(options.faults, options.seed)
        self._limit = RateLimit(options.requests_per_second)
        self._jitter = Random(options.seed)  # noqa: S311 - spreads waiting times, no secret
        self._request_ids = Codes(b"request")
        self._requests = 0

    def fault(self, *texts: str) -> None:
        """Makes requests go wrong from now on, counted anew; without any, none does.

        Raises:
            ValueError: no `KIND=SHARE` or `KIND@NUMBER`.
        """
        self._faults = Faults([Fault.of(text) for text in texts], self.options.seed)

    def store(self, account: Account = TEST_ACCOUNT) -> Store:
        """The sessions of an account; its shop is opened when it is first asked for."""
        if self._loaded:
            return self._loaded
        if account not in self._stores:
            # The first account's shop is the one that there is without others.
            own = f"/{account.id}" if account.number > 1 else ""
            shop = Shop(
                f"{self.options.seed}{own}",
                livemode=account.livemode,
                now=self._start,
                sessions=self.options.sessions,
                days=self.options.days,
                days_ahead=self.options.days_ahead,
                late_s=self.options.late_s,
            )
            self._stores[account] = Store(shop)
        return self._stores[account]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(
            scope["method"],
            scope["path"],
            scope["query_string"],
            Headers(scope=scope),
            await _read(receive),
        )
        kind = None if request.path.startswith(_CONTROL) else self._faults.next()
        try:
            response = instead(kind) or await self._answer(request, kind)
        except ApiError as exc:
            response = Response(exc.status, _json({"error": exc.error}), exc.headers)
        except Exception as exc:  # noqa: BLE001 - a fault of ours must be seen, not end the server
            _LOG.exception("%s %s failed", request.method, request.path)
            error = {"type": "api_error", "message": f"The emulator failed: {exc!r}"}
            response = Response(500, _json({"error": error}))
        if not request.path.startswith(_CONTROL):
            self.stats.count(_route(request), response.status)
        if kind is not None:
            self.stats.count_fault(kind)
        start, body = self._message(request, response)
        connection = Connection(scope["connection"], receive, send)
        await SENDINGS.get(kind, well)(connection, start, body)

    async def _answer(self, request: Request, kind: str | None) -> Response:
        """What a request gets, with what a fault makes of it."""
        if request.path.startswith(_CONTROL):
            return self._control(request)
        key = key_of(request.headers.get("authorization", ""))
        account = self._keys.account(key, request.headers.get("stripe-account"))
        self._limit.take(key, time.monotonic())
        if self.options.latency_ms:
            share = 0.7 + 0.6 * self._jitter.random()
            await asyncio.sleep(self.options.latency_ms * share / 1000)
        now = self.clock.now()
        asked = without_cursor(request) if kind == "repeat" else request
        response = self._serve(asked, self.store(account), int(now))
        return spoiled(kind, request, response, now)

    def _serve(self, request: Request, store: Store, now: int) -> Response:
        """Routes of the API."""
        path = request.path
        if request.method == "GET" and path == _SESSIONS:
            page = store.page(list_query(pairs_of(request.query)), now)
            self.stats.count_page(request.query.decode(), len(page.rows))
            return Response(200, listing(page, _SESSIONS))
        if request.method == "GET" and (found := _ONE.fullmatch(path)):
            expand = expand_only(pairs_of(request.query))
            return Response(200, store.session(found[1], expand, now))
        if request.method == "POST" and (found := _ONE.fullmatch(path)):
            changes, clear = metadata_edit(pairs_of(request.query) + pairs_of(request.body))
            return Response(200, store.edit(found[1], changes, now, clear=clear))
        if request.method == "GET" and (found := _LINE_ITEMS.fullmatch(path)):
            part = cursors(pairs_of(request.query))
            return Response(200, listing(store.line_items(found[1], part, now), path))
        raise unknown_url(request.method, path)

    def _control(self, request: Request) -> Response:
        """Routes of the emulator itself; they need no key."""
        route = (request.method, request.path.removeprefix(_CONTROL))
        if route == ("GET", "stats"):
            return Response(200, _json(self.stats.summary() | {"now": self.clock.now()}))
        if route == ("GET", "requests"):
            return Response(200, _json(self.stats.lists()))
        if route == ("POST", "reset"):
            self.stats.reset()
            return Response(200, _json(self.stats.summary()))
        if route == ("POST", "advance"):
            given = dict(pairs_of(request.query) + pairs_of(request.body))
            try:
                now = self.clock.advance(float(given.get("seconds", "")))
            except ValueError as exc:
                raise ApiError(400, f"Invalid seconds: {exc}", param="seconds") from exc
            return Response(200, _json({"now": now}))
        if route == ("POST", "faults"):
            given_faults = [value for _, value in pairs_of(request.query) + pairs_of(request.body)]
            try:
                self.fault(*given_faults)
            except ValueError as exc:
                raise ApiError(400, f"Invalid fault: {exc}", param="fault") from exc
            return Response(200, _json({"faults": given_faults}))
        raise unknown_url(request.method, request.path)

    def _message(self, request: Request, response: Response) -> tuple[dict[str, Any], bytes]:
        """A response as ASGI sends it: its start, and its body."""
        self._requests += 1
        tail = self._request_ids.code((1 << 40) + self._requests)[:6]
        body = response.body
        headers = {
            "Content-Type": "application/json",
            "Date": formatdate(int(self.clock.now()), usegmt=True),
            "Request-Id": f"req_{self._request_ids.code(self._requests)}{tail}",
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
            **response.headers,
        }
        if len(body) > _GZIP_LEAST_BYTES and _takes_gzip(request.headers):
            body = igzip.compress(body, 1, mtime=0)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        headers["Content-Length"] = str(len(body))
        raw = [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in headers.items()
            if value
        ]
        return {"type": "http.response.start", "status": response.status, "headers": raw}, body


class Running:
    """An emulator that runs in a thread of this process.

    Attributes:
        url: its base URL.
        emulator: the application itself.
    """

    def __init__(self, emulator: Emulator, url: str) -> None:
        self.emulator = emulator
        self.url = url

    @property
    def now(self) -> float:
        """Its time, in epoch seconds."""
        return self.emulator.clock.now()

    @property
    def store(self) -> Store:
        """The sessions of its account in test mode."""
        return self.emulator.store()

    def advance(self, seconds: float) -> float:
        """Moves its clock forward and says the new time, in epoch seconds."""
        return self.emulator.clock.advance(seconds)

    def fault(self, *texts: str) -> None:
        """Makes requests go wrong from now on, as `503=0.3` or `reset@7`; without any, none does.

        Raises:
            ValueError: no `KIND=SHARE` or `KIND@NUMBER`.
        """
        self.emulator.fault(*texts)

    def stats(self) -> dict[str, Any]:
        """What it was asked for since the start or the last reset."""
        return self.emulator.stats.summary()

    def requests(self) -> list[dict[str, Any]]:
        """The list requests it answered: query string and rows."""
        return self.emulator.stats.lists()

    def reset(self) -> None:
        """Forgets what it was asked for."""
        self.emulator.stats.reset()

    def sessions(self, *, livemode: bool = False, account: int = 1) -> list[dict[str, Any]]:
        """All sessions of an account that can be seen now, newest first."""
        bodies = self.emulator.store(Account(livemode, account)).bodies(int(self.now))
        return [json.loads(body) for body in bodies]


def serve(options: Options, ready: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM; `ready` is called with the URL once it listens.

    Raises:
        OSError: the port is taken.
        ValueError: the file to load isn't one of sessions.
    """
    emulator = Emulator(options)
    emulator.store()
    with listen(options.port) as sock:
        url = url_of(sock)
        run(Server(emulator, lambda: ready(url)), sock)


@contextmanager
def running(options: Options) -> Iterator[Running]:
    """An emulator in a thread, for as long as the context lasts.

    Raises:
        OSError: the port is taken.
        ValueError: the file to load isn't one of sessions.
    """
    emulator = Emulator(options)
    emulator.store()
    listening = threading.Event()
    with listen(options.port) as sock:
        server = Server(emulator, listening.set)
        thread = threading.Thread(target=run, args=(server, sock), daemon=True)
        thread.start()
        listening.wait()
        try:
            yield Running(emulator, url_of(sock))
        finally:
            server.should_exit = True
            thread.join()


def _route(request: Request) -> str:
    """A request's method and route, its id replaced."""
    path = request.path
    if _LINE_ITEMS.fullmatch(path):
        path = f"{_SESSIONS}/{{id}}/line_items"
    elif _ONE.fullmatch(path):
        path = f"{_SESSIONS}/{{id}}"
    elif path != _SESSIONS:
        path = "other"
    return f"{request.method} {path}"


def _takes_gzip(headers: Headers) -> bool:
    for offer in headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


async def _read(receive: Receive) -> bytes:
    """A request's body; what is over a megabyte is left out."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")[: _MOST_FORM_BYTES - len(body)]
        if not message.get("more_body", False):
            return bytes(body)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
