"""One request to Stripe: key, headers, pace, retries, and the checks of its response.

The only place where a request is tried again. Facts about the API: docs.stripe.com/api and
docs.stripe.com/rate-limits.
"""

import hashlib
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import httpx
import msgspec

from pipelines import __version__
from pipelines.connections import MOST_BYTES, Connections
from pipelines.errors import SourceContractError, SourceError
from pipelines.keys import Key, key_of
from pipelines.pace import Pace
from pipelines.refusals import TOO_MANY, Refusals
from pipelines.responses import OK, api_time_of, envelope_of
from pipelines.routes import on_loopback, proxy_for
from pipelines.settings import Account, Settings
from pipelines.stops import Stopped

log = logging.getLogger(__name__)

SESSIONS_PATH = "/v1/checkout/sessions"
PAGE_SIZE = 100
"""Most sessions that one response holds."""

Params = Sequence[tuple[str, str]]


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

    def breach(self, what: str) -> SourceContractError:
        """Return the failure of a window whose page isn't what it must be."""
        return SourceContractError(
            f"the API sent {what}; nothing of this window was stored, the next run asks again",
            status=OK,
            request_id=self.request_id,
        )


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

    def see(self, api_time: int, before: int | None = None) -> bool:
        """Take a response's time; False if it lies more than `settle_s` before one seen.

        Args:
            api_time: the response's time, epoch seconds.
            before: the latest seen when it was asked for, since what came meanwhile may well be
                later; None for the latest seen by now.
        """
        with self._lock:
            if api_time < (self.latest if before is None else before) - self.settle_s:
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
        loads: whether what it gives is loaded, which a failure then says more of.
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
        loads: bool = True,
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
        self._refusals = Refusals(base_url, key, loads=loads)
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
        *,
        loads: bool = True,
    ) -> "StripeApi":
        """Return an account's access as the settings say.

        Raises:
            ConfigError: the account has no usable key, or the environment's proxy is none.
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
            loads=loads,
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
        """Give up every request that waits for its turn, its next try or its answer."""
        self._connections.stop()  # which sets the event that all of it looks at

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _list(self, path: str, params: Params) -> Page:
        deadline = time.monotonic() + self._retry_for_s
        tries = 0
        while True:
            try:
                return self._once(path, params)
            except SourceError as error:
                tries += 1
                wait = self._patience.backoff_s(tries, error.retry_after_s)
                if not error.again or time.monotonic() + wait > deadline:
                    raise self._refusals.final(error, tries) from None
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
        began, before = time.monotonic(), self.clock.latest
        try:
            response, body = self._connections.get(f"{self.base_url}{path}?{urlencode(params)}")
        except (httpx.TransportError, httpx.DecodingError, RuntimeError) as error:
            if self._stop.is_set():
                raise Stopped("the run was stopped") from None
            if isinstance(error, RuntimeError):  # a closed transport's, so only then expected
                raise
            raise self._refusals.broken(error) from None
        took = time.monotonic() - began
        if self._stop.is_set():
            raise Stopped("the run was stopped")
        if len(body) > MOST_BYTES:
            raise SourceContractError(
                f"the API's answer is longer than {MOST_BYTES >> 20} MiB; nothing of it was stored,"
                " check stripe.base_url",
                status=response.status_code,
                request_id=self._refusals.request_id(response),
            )
        if response.status_code != OK:
            if response.status_code == TOO_MANY:
                with self._lock:
                    self._pace.refused(began, time.monotonic())
            raise self._refusals.told(response, body)
        with self._lock:
            self._pace.answered(began, began + took)
        return self._page(response, body, took, before)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise Stopped("the run was stopped")

    def _page(self, response: httpx.Response, body: bytes, took: float, before: int) -> Page:
        request_id = self._refusals.request_id(response)
        envelope = envelope_of(body, request_id)
        if envelope.object != "list":
            type_ = self._refusals.said(envelope.object)[:40]
            raise SourceContractError(
                f"the API sent an object of type {type_!r} where a list belongs; nothing of it was"
                " stored, the next run asks again",
                status=OK,
                request_id=request_id,
            )
        api_time = api_time_of(response, request_id)
        if not self.clock.see(api_time, before):
            date = self._refusals.said(response.headers["date"])
            raise SourceContractError(
                f"the API's clock went back: Date {date!r} is more than {self.clock.settle_s} s"
                " before one already seen; nothing of this window was stored, the next run asks"
                " again",
                status=OK,
                request_id=request_id,
            )
        seen_from = math.floor(api_time - took)
        return Page(envelope.data, envelope.has_more, api_time, seen_from, request_id)


def _transports(base_url: str) -> Callable[[], httpx.BaseTransport]:
    """Return what makes transports to a server: by the environment's proxy, with its certificates.

    Without TLS there is nothing to verify. What verifies is made once, since that takes long.

    Raises:
        ConfigError: that proxy is none.
    """
    local = on_loopback(base_url)
    verified = not base_url.startswith("http://")
    tls = httpx.create_ssl_context(verify=verified, trust_env=not local)
    proxy = proxy_for(base_url)
    limits = httpx.Limits(max_connections=1)
    return lambda: httpx.HTTPTransport(verify=tls, limits=limits, proxy=proxy, trust_env=False)
