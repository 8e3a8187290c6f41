"""One request to Stripe: key, headers, pace, retries, and the checks of its response.

The only place where a request is tried again. Facts about the API: docs.stripe.com/api and
docs.stripe.com/rate-limits.
"""

import hashlib
import json
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import msgspec

from pipelines import __version__, nesting, payload
from pipelines.connections import MOST_BYTES, Connections
from pipelines.errors import (
    CheckoutsError,
    SourceAuthError,
    SourceContractError,
    SourceError,
    SourceRequestError,
    TransientSourceError,
)
from pipelines.keys import Key, key_of
from pipelines.pace import Pace
from pipelines.routes import on_loopback, proxy_for
from pipelines.settings import Account, Settings

log = logging.getLogger(__name__)

SESSIONS_PATH = "/v1/checkout/sessions"
PAGE_SIZE = 100
"""Most sessions that one response holds."""

CONFLICT, TOO_MANY, SERVER_ERROR = 409, 429, 500
OK, REDIRECT, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN = 200, 300, 400, 401, 403

Params = Sequence[tuple[str, str]]


class Stopped(CheckoutsError):  # noqa: N818 -- no error: somebody asked for it
    """The run ends, so a request that waits for its turn is given up."""


class Envelope(msgspec.Struct, gc=False):
    """A list response around its elements."""

    object: str
    has_more: bool
    data: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Page:
    """One list response.

    Attributes:
        data: its elements' JSON, newest first.
        has_more: whether the list goes on in the direction asked for.
        api_time: its `Date`, epoch seconds.
        seen_from: the earliest moment at which its content can have been read, epoch seconds:
            `api_time` less what the request took.
        request_id: Stripe's id of the request.
    """

    data: list[msgspec.Raw]
    has_more: bool
    api_time: int
    seen_from: int
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the API is waited for, in seconds.

    Attributes:
        timeout_s: what one try may take, to the last byte of its answer.
        first_backoff_s: the longest wait after a first failure; it doubles with each further one.
        longest_backoff_s: what it doubles up to.
    """

    timeout_s: float = 60.0
    first_backoff_s: float = 0.5
    longest_backoff_s: float = 20.0

    def backoff_s(self, tries: int, asked_s: float | None) -> float:
        """Exponential, with jitter so that many clients don't come back at once."""
        longest = min(self.longest_backoff_s, self.first_backoff_s * 2 ** (tries - 1))
        wait = random.uniform(longest / 2, longest)  # noqa: S311 -- not for security
        return max(wait, asked_s) if asked_s is not None else wait


USUAL = Patience()


@dataclass
class ApiClock:
    """The latest API time seen for an account, epoch seconds; 0 before the first."""

    settle_s: int
    latest: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, api_time: int) -> bool:
        """Take a response's time; False if it lies more than `settle_s` before one seen."""
        with self._lock:
            if api_time < self.latest - self.settle_s:
                return False
            self.latest = max(self.latest, api_time)
            return True


class StripeApi:
    """One account's access to the API; all threads of a run share it.

    Args:
        base_url: where the API is.
        key: the account's key.
        api_version: the `Stripe-Version` asked for.
        pace: the account's shared rate.
        clock: the account's API time.
        stripe_account: the connected account to act for.
        retry_for_s: seconds for which one request is tried again.
        transport: another way to the API, for bytes that no server would send.
        patience: how long it is waited for.
    """

    def __init__(
        self,
        base_url: str,
        key: Key,
        *,
        api_version: str,
        pace: Pace,
        clock: ApiClock,
        stripe_account: str | None = None,
        retry_for_s: float = 300,
        transport: httpx.BaseTransport | None = None,
        patience: Patience = USUAL,
    ) -> None:
        self.base_url = base_url
        self.clock = clock
        self.requests = 0
        self.retries = 0
        self._key = key
        self._account = stripe_account
        self._pace = pace
        self._retry_for_s = retry_for_s
        self._patience = patience
        self._lock = threading.Lock()
        self._stop = threading.Event()
        headers = {
            "Authorization": f"Bearer {key.value}",
            "Stripe-Version": api_version,
            "User-Agent": f"checkouts/{__version__}",
        }
        if stripe_account:
            headers["Stripe-Account"] = stripe_account
        make = (lambda: transport) if transport is not None else _transports(base_url)
        self._connections = Connections(make, headers, patience.timeout_s, self._stop)

    @classmethod
    def of(
        cls,
        settings: Settings,
        account: Account,
        transport: httpx.BaseTransport | None = None,
        patience: Patience = USUAL,
    ) -> "StripeApi":
        """Return an account's access as the settings say.

        Raises:
            ConfigError: the account has no usable key.
        """
        return cls(
            settings.stripe.base_url,
            key_of(account),
            api_version=settings.stripe.api_version,
            pace=Pace(settings.rate_of(account)),
            clock=ApiClock(settings.sync.settle_s),
            stripe_account=account.stripe_account,
            retry_for_s=settings.stripe.retry_for_s,
            transport=transport,
            patience=patience,
        )

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell one base URL, key and connected account from another."""
        parts = "\n".join((self.base_url, self._key.value, self._account or ""))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    @property
    def in_flight(self) -> int:
        """How many requests at a time keep the pace at the latency seen."""
        with self._lock:
            return self._pace.in_flight(time.monotonic())

    def list_sessions(self, params: Params) -> Page:
        """Return one page of sessions.

        Raises:
            SourceError: the API refused, stayed out of reach, or broke its contract.
        """
        return self._list(SESSIONS_PATH, params)

    def list_line_items(self, session_id: str, params: Params) -> Page:
        """Return one page of a session's line items, in their order.

        Raises:
            SourceError: the API refused, stayed out of reach, or broke its contract.
        """
        return self._list(f"{SESSIONS_PATH}/{quote(session_id, safe='')}/line_items", params)

    def stop(self) -> None:
        """Give up every request that waits for its turn, its next try or more of its answer."""
        self._stop.set()

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _list(self, path: str, params: Params) -> Page:
        deadline = time.monotonic() + self._retry_for_s
        tries = 0
        while True:
            try:
                return self._once(path, params)
            except TransientSourceError as error:
                tries += 1
                wait = self._patience.backoff_s(tries, error.retry_after_s)
                if time.monotonic() + wait > deadline:
                    raise type(error)(
                        f"{error}; given up after {tries} tries. What was loaded before stays;"
                        " the next run goes on from there",
                        status=error.status,
                        request_id=error.request_id,
                    ) from None
                named = {"request_id": error.request_id}
                log.info(
                    "try %d failed, next in %.1f s: %s", tries, wait, error.message, extra=named
                )
                with self._lock:
                    self.retries += 1
                self._wait(wait)

    def _once(self, path: str, params: Params) -> Page:
        with self._lock:
            wait = self._pace.reserve(time.monotonic())
        self._wait(wait)
        with self._lock:
            self.requests += 1
        began = time.monotonic()
        try:
            response, body = self._connections.get(f"{self.base_url}{path}?{urlencode(params)}")
        except httpx.TimeoutException:
            raise TransientSourceError("the API didn't answer in time") from None
        except (httpx.TransportError, httpx.DecodingError, RuntimeError) as error:
            if self._stop.is_set():
                raise Stopped("the run was stopped") from None
            if isinstance(error, RuntimeError):  # a closed transport's, so only then expected
                raise
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise SourceError(
                    f"the certificate of {self.base_url} can't be verified, so the key was not"
                    " sent; check stripe.base_url, and this machine's certificates and clock"
                ) from None
            what = "can't be reached" if isinstance(error, httpx.ConnectError) else "broke off"
            raise TransientSourceError(
                f"the connection to {self.base_url} {what} ({type(error).__name__})"
            ) from None
        took = time.monotonic() - began
        if self._stop.is_set():
            raise Stopped("the run was stopped")
        if len(body) > MOST_BYTES:
            raise SourceContractError(
                f"the API's answer is longer than {MOST_BYTES >> 20} MiB; nothing of it was stored",
                status=response.status_code,
                request_id=self._request_id(response),
            )
        if response.status_code != OK:
            if response.status_code == TOO_MANY:
                with self._lock:
                    self._pace.refused(began, time.monotonic())
            raise self._failure(response, body)
        with self._lock:
            self._pace.answered(began, began + took)
        return self._page(response, body, took)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Stopped("the run was stopped")

    def _page(self, response: httpx.Response, body: bytes, took: float) -> Page:
        request_id = self._request_id(response)
        envelope = _envelope(body, request_id)
        if envelope.object != "list":
            raise SourceContractError(
                f"the API sent an object of type {self._said(envelope.object)[:40]!r} where a list"
                " belongs; nothing of it was stored",
                status=OK,
                request_id=request_id,
            )
        api_time = _api_time(response, request_id)
        if not self.clock.see(api_time):
            raise SourceContractError(
                f"the API's clock went back: Date {self._said(response.headers['date'])!r} is more"
                f" than {self.clock.settle_s} s before one already seen; nothing of this window"
                " was stored",
                status=OK,
                request_id=request_id,
            )
        seen_from = math.floor(api_time - took)
        return Page(envelope.data, envelope.has_more, api_time, seen_from, request_id)

    def _failure(self, response: httpx.Response, body: bytes) -> SourceError:
        status = response.status_code
        request_id = self._request_id(response)
        error = _error_body(body)
        said = self._said(error.get("message") or response.reason_phrase)
        advice = response.headers.get("stripe-should-retry")
        again = status in (CONFLICT, TOO_MANY) or status >= SERVER_ERROR
        if advice in ("true", "false"):
            again = advice == "true"
        if again:
            reason = self._said(response.headers.get("stripe-rate-limited-reason", ""))
            return TransientSourceError(
                f"the API answered {status}: {said}" + (f" ({reason})" if reason else ""),
                status=status,
                request_id=request_id,
                retry_after_s=_seconds(response.headers.get("retry-after")),
            )
        if status in (UNAUTHORIZED, FORBIDDEN):
            what = (
                "the API doesn't accept the key" if status == UNAUTHORIZED
                else "the key may not read Checkout Sessions"
            )  # fmt: skip
            return SourceAuthError(
                f"{what} ({status}: {said}). What was loaded before stays; check the key and its"
                " permission to read Checkout Sessions",
                status=status,
                request_id=request_id,
            )
        if OK <= status < BAD_REQUEST:
            kind = "a redirect" if status >= REDIRECT else f"status {status}"
            return SourceContractError(
                f"{self.base_url} answered with {kind} instead of a list; check stripe.base_url",
                status=status,
                request_id=request_id,
            )
        return SourceRequestError(
            f"the API refused the request ({status}: {said})",
            status=status,
            request_id=request_id,
            code=self._said(error["code"]) if error.get("code") else None,
            param=self._said(error["param"]) if error.get("param") else None,
        )

    def _request_id(self, response: httpx.Response) -> str | None:
        return self._said(response.headers.get("request-id", "")) or None

    def _said(self, what: object) -> str:
        """Return what the API said as one short line to show, without the key."""
        text = str(what).replace(self._key.value, "****")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def _transports(base_url: str) -> Callable[[], httpx.BaseTransport]:
    """Return what makes transports to a server: by the environment's proxy, with its certificates.

    Without TLS there is nothing to verify. What verifies is made once, since that takes long.
    """
    local = on_loopback(base_url)
    verified = not base_url.startswith("http://")
    tls = httpx.create_ssl_context(verify=verified, trust_env=not local)
    proxy = proxy_for(base_url)
    limits = httpx.Limits(max_connections=1)
    return lambda: httpx.HTTPTransport(verify=tls, limits=limits, proxy=proxy, trust_env=False)


_decoder = msgspec.json.Decoder(Envelope)


def _envelope(body: bytes, request_id: str | None) -> Envelope:
    try:
        body.decode()
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        reason = str(error)
    except RecursionError:
        with suppress(ValueError, RecursionError):
            return _deep_envelope(body)
        reason = "it is nested too deep"
    except ValueError:  # malformed for the fast decoder, which lone surrogates are too
        try:
            tree = json.loads(body)
        except (ValueError, RecursionError):
            if body.lstrip()[:1] in (b"", b"{"):
                raise TransientSourceError(
                    "the API's answer was cut off", status=OK, request_id=request_id
                ) from None
            tree = None
        if isinstance(tree, dict) and _is_list(tree):
            with suppress(ValueError, RecursionError):
                return _guarded_envelope(body)
        reason = (
            "it lacks what a list response has" if tree else "it is no JSON; check stripe.base_url"
        )
    raise SourceContractError(
        f"the API's answer is no list of sessions ({reason}); nothing of it was stored",
        status=OK,
        request_id=request_id,
    )


def _deep_envelope(body: bytes) -> Envelope:
    """Decode a list of which an element is nested too deep for a decoder."""
    found = nesting.apart(body)
    if found is None:
        raise ValueError("no list")
    envelope = _decoder.decode(found[0])
    envelope.data = [msgspec.Raw(element) for element in found[1]]
    return envelope


def _guarded_envelope(body: bytes) -> Envelope:
    """Decode a list in which texts hold halves of surrogate pairs; its elements keep them."""
    escaped = body.decode("utf-8", "surrogatepass").encode("utf-8", "backslashreplace")
    envelope = _decoder.decode(payload.guarded(escaped))
    envelope.data = [msgspec.Raw(payload.unguarded(bytes(raw))) for raw in envelope.data]
    return envelope


def _is_list(tree: dict[str, Any]) -> bool:
    return (
        isinstance(tree.get("object"), str)
        and isinstance(tree.get("has_more"), bool)
        and isinstance(tree.get("data"), list)
    )


def _api_time(response: httpx.Response, request_id: str | None) -> int:
    try:
        at = parsedate_to_datetime(response.headers["date"])
        # A zone of -0000 means UTC, without saying where.
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (KeyError, ValueError, TypeError):
        raise SourceContractError(
            "the API's answer has no Date that can be read, and no other clock is trusted",
            status=OK,
            request_id=request_id,
        ) from None


def _error_body(body: bytes) -> dict[str, Any]:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return error if isinstance(error, dict) else {}


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
