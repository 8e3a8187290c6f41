"""The API's own list, asked once."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines import payload
from pipelines.errors import SourceContractError
from pipelines.moments import usage_second
from pipelines.settings import Account, Settings
from pipelines.stripe_api import Params, StripeApi

BOUNDS = ("gt", "gte", "lt", "lte")
COLUMNS = ("created", "status", "payment_status", "mode", "amount_total", "currency", "email", "id")
"""The id is the widest, so it is last: what a narrow terminal shows is the rest."""
_PLAIN = (
    "status",
    "customer",
    "customer_account",
    "payment_intent",
    "payment_link",
    "subscription",
    "limit",
    "starting_after",
    "ending_before",
)


def ask(settings: Settings, account: Account, filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return one page of the API's list as JSON, without credentials.

    Args:
        settings: where the API is.
        account: whom to ask as.
        filters: the command's options by name.

    Raises:
        SourceError: the API refused or stayed out of reach.
        UsageError: a time that is none.
    """
    api = StripeApi.of(settings, account, loads=False)
    try:
        page = api.list_sessions(parameters(filters))
    finally:
        api.close()
    data = [json.loads(payload.scrub(payload.without_surrogates(bytes(raw)))) for raw in page.data]
    if not all(_is_session(element) for element in data):
        raise SourceContractError(
            "the API sent an element that is no checkout session with an id and a created time",
            request_id=page.request_id,
        )
    return {"object": "list", "has_more": page.has_more, "data": data}


def parameters(filters: Mapping[str, Any]) -> Params:
    """Return the API's parameters for the command's options.

    Raises:
        UsageError: a time that is none.
    """
    asked = [(name, str(filters[name])) for name in _PLAIN if filters.get(name) is not None]
    if filters.get("customer_email") is not None:
        asked.append(("customer_details[email]", filters["customer_email"]))
    if filters.get("created") is not None:
        asked.append(("created", str(usage_second(filters["created"], "--created"))))
    for bound in BOUNDS:
        value = filters.get(f"created_{bound}")
        if value is not None:
            asked.append((f"created[{bound}]", str(usage_second(value, f"--created-{bound}"))))
    return asked


def rows(page: Mapping[str, Any]) -> list[list[Any]]:
    """Return a page as rows of `COLUMNS`, one a session."""
    found = [
        {
            **session,
            "created": _moment(session["created"]),
            "email": _given_email(session) or session.get("customer_email"),
        }
        for session in page["data"]
    ]
    return [[session.get(name) for name in COLUMNS] for session in found]


def _is_session(element: Any) -> bool:
    return (
        isinstance(element, dict)
        and element.get("object") == "checkout.session"
        and isinstance(element.get("id"), str)
        and isinstance(element.get("created"), int)
    )


def _given_email(session: Mapping[str, Any]) -> Any:
    given = session.get("customer_details")
    return given.get("email") if isinstance(given, dict) else None


def _moment(second: int) -> datetime | int:
    """A time for the table; one beyond the years that can be shown stays a number."""
    try:
        return datetime.fromtimestamp(second, UTC)
    except (ValueError, OverflowError, OSError):
        return second
