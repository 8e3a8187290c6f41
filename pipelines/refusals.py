"""What it means that the API gave no list: the error, in words that don't hold the key.

Facts about the API: docs.stripe.com/api/errors and docs.stripe.com/rate-limits.
"""

from typing import Any

import httpx

from pipelines.errors import (
    SourceAuthError,
    SourceContractError,
    SourceError,
    SourceRequestError,
    TransientSourceError,
)
from pipelines.keys import Key
from pipelines.responses import error_of, seconds_of

CONFLICT, TOO_MANY, SERVER_ERROR = 409, 429, 500
REDIRECT, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN = 300, 400, 401, 403

STAYS, GOES_ON = "What was loaded before stays", "the next run goes on from there"
UNCHANGED, AGAIN = "Nothing was changed", "try again later"
"""What a failure leaves behind and what comes of it: of a run, and where nothing is loaded."""


class Refusals:
    """Makes errors of what a server answers.

    Args:
        base_url: where it is.
        key: the account's key, which no message holds.
        loads: whether what it gives is loaded, which a failure then says more of.
    """

    def __init__(self, base_url: str, key: Key, *, loads: bool) -> None:
        self._base_url = base_url
        self._key = key
        self._left, self._then = (STAYS, GOES_ON) if loads else (UNCHANGED, AGAIN)

    def broken(self, error: httpx.TransportError | httpx.DecodingError) -> SourceError:
        """Return what it means that no whole answer came."""
        if isinstance(error, httpx.TimeoutException):
            return TransientSourceError("the API didn't answer in time")
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return SourceError(
                f"the certificate of {self._base_url} can't be verified, so the key was not"
                f" sent. {self._left}; check stripe.base_url, and this machine's certificates"
                " and clock"
            )
        what = "can't be reached" if isinstance(error, httpx.ConnectError) else "broke off"
        return TransientSourceError(
            f"the connection to {self._base_url} {what} ({type(error).__name__})"
        )

    def told(self, response: httpx.Response, body: bytes) -> SourceError:
        """Return what a response that is no list means."""
        error = self._refusal(response, error_of(body))
        error.retry_after_s = seconds_of(response.headers.get("retry-after"))
        advice = response.headers.get("stripe-should-retry")
        if advice in ("true", "false"):
            error.again = advice == "true"
        return error

    def _refusal(self, response: httpx.Response, said: dict[str, Any]) -> SourceError:
        """Return what a response that is no list means; its status decides.

        Args:
            response: the response.
            said: the error object of its body.
        """
        status = response.status_code
        what = self.said(said.get("message") or response.reason_phrase)
        named: dict[str, Any] = {"status": status, "request_id": self.request_id(response)}
        if status in (CONFLICT, TOO_MANY) or status >= SERVER_ERROR:
            reason = self.said(response.headers.get("stripe-rate-limited-reason", ""))
            return TransientSourceError(
                f"the API answered {status}: {what}" + (f" ({reason})" if reason else ""),
                **named,
            )
        if status in (UNAUTHORIZED, FORBIDDEN):
            who = (
                "the API doesn't accept the key" if status == UNAUTHORIZED
                else "the key may not read Checkout Sessions"
            )  # fmt: skip
            return SourceAuthError(
                f"{who} ({status}: {what}). {self._left}; check the key and its permission to read"
                " Checkout Sessions",
                **named,
            )
        if status < BAD_REQUEST:
            kind = "a redirect" if status >= REDIRECT else f"status {status}"
            return SourceContractError(
                f"{self._base_url} answered with {kind} instead of a list. {self._left}; check"
                " stripe.base_url",
                **named,
            )
        return SourceRequestError(
            f"the API refused the request ({status}: {what}). {self._left}; change what it names",
            code=self.said(said["code"]) if said.get("code") else None,
            param=self.said(said["param"]) if said.get("param") else None,
            **named,
        )

    def final(self, error: SourceError, tries: int) -> SourceError:
        """Return a failure as the last word; one that may pass says how often it was met."""
        if isinstance(error, TransientSourceError):
            often = f"{tries} {'try' if tries == 1 else 'tries'}"
            error.args = (f"{error}; given up after {often}. {self._left}; {self._then}",)
        return error

    def request_id(self, response: httpx.Response) -> str | None:
        """Return Stripe's id of the request, None where it doesn't say."""
        return self.said(response.headers.get("request-id", "")) or None

    def said(self, what: object) -> str:
        """Return what the API said as one short line to show, without the key."""
        text = str(what).replace(self._key.value, "****")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]
