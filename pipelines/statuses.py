"""How complete and how fresh the warehouse is, by account."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipelines.errors import UsageError
from pipelines.places import place_of
from pipelines.publish import readable
from pipelines.settings import Account, Settings
from pipelines.warehouse import Warehouse
from pipelines.windows import Window, iso, newest_covered, subtract, watermark

_UNITS_S = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400}


def of(settings: Settings, account: Account) -> dict[str, Any]:
    """Return an account's status as the contract's object.

    Raises:
        WarehouseError: there is no warehouse, or it can't be read.
    """
    named = {"account": account.name}
    figures, covered, runs, errors = readable(settings).answers(
        {
            "state/status": named,
            "state/coverage": named,
            "state/last_runs": named,
            "state/last_error": named,
        }
    )
    coverage = [Window(row["after"], row["until"]) for row in covered]
    start = settings.start_of(account)
    newest = newest_covered(coverage)
    holes = subtract(Window(start - 1, newest), coverage) if newest is not None else []
    return {
        "account": account.name,
        "watermark": iso(watermark(coverage, start)),
        "newest_covered": iso(newest),
        "holes": [{"after": iso(hole.after), "until": iso(hole.until)} for hole in holes],
        **figures[0],
        "last_runs": runs,
        "last_error": errors[0] if errors else None,
        "file_size_bytes": Warehouse(place_of(settings.warehouse)).size_bytes,
    }


def age_s(text: str) -> float:
    """Return an age such as `2h`, `30min` or `1d` in seconds.

    Raises:
        UsageError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)", text.strip())
    if match is None:
        raise UsageError(f"--max-age: expected an age such as 2h, 30min or 1d, got {text!r}")
    return float(match.group(1)) * _UNITS_S[match.group(2)]


def is_older(status: Mapping[str, Any], allowed_s: float | None, now: float) -> bool:
    """Whether an account isn't complete up to `allowed_s` seconds before now."""
    if allowed_s is None:
        return False
    mark = status["watermark"]
    return mark is None or now - datetime.fromisoformat(mark).timestamp() > allowed_s
