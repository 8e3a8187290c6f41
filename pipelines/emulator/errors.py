"""Stripe's refusals: status, error body and headers of each.

The messages follow Stripe's own, see https://docs.stripe.com/api/errors.
"""

from typing import Any

_DOCS = "https://stripe.com/docs/error-codes/"
_KEY_HELP = (
    "You need to provide your API key in the Authorization header, using Bearer auth "
    "(e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
    "https://stripe.com/docs/api#authentication for details, or we can help at "
    "https://support.stripe.com/."
)


class ApiError(Exception):
    """A refusal as Stripe words it.

    Attributes:
        status: the HTTP status.
        error: what stands under `error` in the body.
        headers: headers beyond those of every response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.error: dict[str, Any] = {"message": message, "type": "invalid_request_error"}
        if code is not None:
            self.error["code"] = code
            self.error["doc_url"] = _DOCS + code.replace("_", "-")
        if param is not None:
            self.error["param"] = param


def no_key() -> ApiError:
    """A request without a key."""
    return ApiError(
        401,
        f"You did not provide an API key. {_KEY_HELP}",
        headers={"WWW-Authenticate": 'Basic realm="Stripe"'},
    )


def bad_key(key: str) -> ApiError:
    """A key that no account has, shown with its middle masked."""
    return ApiError(
        401,
        f"Invalid API Key provided: {masked(key)}",
        headers={"WWW-Authenticate": 'Basic realm="Stripe"'},
    )


def no_access(key: str, account: str) -> ApiError:
    """A connected account that isn't there, or isn't the key's."""
    return ApiError(
        403,
        f"The provided key '{masked(key)}' does not have access to account '{account}' (or that "
        "account does not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def masked(key: str) -> str:
    """A key as it may be shown: its kind and its last four characters."""
    kind, _, secret = key.rpartition("_")
    start = f"{kind}_" if kind else ""
    tail = secret[-4:] if len(secret) > 4 else ""  # noqa: PLR2004 - Stripe shows four
    return f"{start}****{tail}"


def unknown_parameter(name: str) -> ApiError:
    """A parameter that the route doesn't have."""
    return ApiError(
        400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name
    )


def bad_integer(name: str, value: str) -> ApiError:
    """A parameter that must be an integer and isn't."""
    return ApiError(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)


def out_of_range(name: str, words: str) -> ApiError:
    """An integer outside the range that is allowed, `words` saying which side."""
    return ApiError(
        400, f"This value must be {words}.", code="parameter_invalid_integer", param=name
    )


def empty_parameter(name: str) -> ApiError:
    """A parameter with an empty value."""
    return ApiError(
        400,
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
        f"unset a parameter; however '{name}' cannot be unset. You should remove '{name}' "
        "from your request or supply a non-empty value.",
        code="parameter_invalid_empty",
        param=name,
    )


def bad_shape(name: str, shape: str) -> ApiError:
    """A parameter that must be a string, hash or array, and is something else."""
    return ApiError(400, f"Invalid {shape}", param=name)


def bad_choice(name: str, choices: tuple[str, ...]) -> ApiError:
    """A value that isn't one of the few allowed."""
    words = ", ".join(choices[:-1]) + f", or {choices[-1]}"
    return ApiError(400, f"Invalid {name}: must be one of {words}", param=name)


def both_cursors() -> ApiError:
    """Two directions at once."""
    return ApiError(
        400,
        "Received both starting_after and ending_before parameters. Please pass in only one.",
    )


def not_expandable(path: str, hint: str | None = None) -> ApiError:
    """A property that isn't an id of another object; `hint` is where it would be one."""
    more = f" You may want to try expanding '{hint}' instead." if hint else ""
    return ApiError(400, f"This property cannot be expanded ({path}).{more}", param="expand")


def no_such(kind: str, name: str, *, param: str, status: int) -> ApiError:
    """An id that the account doesn't have."""
    return ApiError(status, f"No such {kind}: '{name}'", code="resource_missing", param=param)


def unknown_url(method: str, path: str) -> ApiError:
    """A route that doesn't exist, or not with this method."""
    return ApiError(
        404,
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, "
        "remove the trailing slash. If you are trying to retrieve an object, make sure you "
        "passed a valid (non-empty) identifier in your code. Please see "
        "https://stripe.com/docs or we can help at https://support.stripe.com/.",
    )


def too_many_requests(reason: str | None = "endpoint-rate") -> ApiError:
    """More requests a second than the endpoint takes; Stripe doesn't always say which limit."""
    return ApiError(
        429,
        "Request rate limit exceeded. Learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        headers={"Stripe-Rate-Limited-Reason": reason} if reason else None,
    )


def lock_timeout() -> ApiError:
    """An object that another request holds."""
    return ApiError(
        429,
        "This object cannot be accessed right now because another API request or Stripe "
        "process is currently accessing it.",
        code="lock_timeout",
    )


def broken(status: int) -> ApiError:
    """A failure on the server's own side."""
    error = ApiError(status, "Something went wrong on our end. Please try again.")
    error.error["type"] = "api_error"
    return error
