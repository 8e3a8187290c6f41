"""Everything that can go wrong, as one tree; the exit code belongs to the class.

CheckoutsError
├ UsageError               2    a wrong argument
├ ConfigError              2    a wrong setting, key or account
├ SourceError              3    the API
│ ├ TransientSourceError        worth another try: timeouts, connection, 409, 429, >= 500
│ ├ SourceAuthError             401, 403
│ ├ SourceRequestError          any other 4xx
│ └ SourceContractError         200, but not what the API promises
├ WarehouseError           5    the file, its lock, its version
└ DifferenceError          6    what is stored is not what should be

A message is one line: what, what was observed, what state it left behind, what to do. It never
holds a payload or a key.
"""

import logging

EXIT_REJECTS = 4
EXIT_DIFFERENT = 6
EXIT_INTERRUPTED = 130


class CheckoutsError(Exception):
    """A failure that its user can read and act on."""

    exit_code = 1
    request_id: str | None = None

    @property
    def message(self) -> str:
        """The one line to show, with Stripe's id of the request for its support."""
        request = f" (request {self.request_id})" if self.request_id else ""
        return " ".join(str(self).split()) + request

    def as_json(self) -> dict[str, str | None]:
        """Return what `--json` says of it."""
        return {
            "type": type(self).__name__,
            "message": self.message,
            "request_id": self.request_id,
        }


class UsageError(CheckoutsError):
    """A command was called in a way that it can't be."""

    exit_code = 2


class ConfigError(CheckoutsError):
    """A setting, a key or an account is not what it must be.

    Attributes:
        key: the setting's dotted path, where there is one.
        file: the file it was read from, where there is one.
    """

    exit_code = 2

    def __init__(self, message: str, *, key: str | None = None, file: str | None = None) -> None:
        super().__init__(message)
        self.key = key
        self.file = file


class SourceError(CheckoutsError):
    """The API did not give what was asked for.

    Attributes:
        status: the HTTP status, None when there was no response.
        request_id: Stripe's `Request-Id` of the response, for its support.
        again: whether another try may help, by its kind or as the API said.
        retry_after_s: seconds that the API asked to wait, None when it didn't say.
    """

    exit_code = 3
    again = False
    retry_after_s: float | None = None

    def __init__(
        self, message: str, *, status: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


class TransientSourceError(SourceError):
    """A failure that another try may not meet.

    Attributes:
        retry_after_s: seconds that the API asked to wait, None when it didn't say.
    """

    again = True

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.retry_after_s = retry_after_s


class SourceAuthError(SourceError):
    """The API refused the key (401) or what the key may read (403)."""


class SourceRequestError(SourceError):
    """The API refused the request as it was asked.

    Attributes:
        code: Stripe's error code, as `resource_missing`.
        param: the parameter that Stripe named.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, status=status, request_id=request_id)
        self.code = code
        self.param = param


class SourceContractError(SourceError):
    """A response said 200 but breaks what the API promises, so nothing of it is believed."""


class WarehouseError(CheckoutsError):
    """The warehouse file can't be used as it is.

    Attributes:
        path: the file.
        holder: who holds its lock, where that is what stops it.
        passing: whether it may be otherwise in a moment, since others use it or it is away.
    """

    exit_code = 5

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        holder: str | None = None,
        passing: bool = False,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.holder = holder
        self.passing = passing


class DifferenceError(CheckoutsError):
    """What is stored differs from what should be.

    Attributes:
        counts: how many of each kind.
    """

    exit_code = 6

    def __init__(self, message: str, *, counts: dict[str, int] | None = None) -> None:
        super().__init__(message)
        self.counts = counts or {}


def log_failure(log: logging.Logger, account: str, error: CheckoutsError) -> None:
    """Log a failure with what a program asks of it: account, type, request."""
    named = {"account": account, "error": type(error).__name__, "request_id": error.request_id}
    log.error("%s: %s", account, error.message, extra=named)
