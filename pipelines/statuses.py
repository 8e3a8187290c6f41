"""How complete and how fresh the warehouse is, by account."""

import re
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipelines.errors import UsageError
from pipelines.moments import moment
from pipelines.places import place_of
from pipelines.publish import readable
from pipelines.settings import Settings
from pipelines.warehouse import Warehouse
from pipelines.windows import Window, iso, newest_covered, subtract, watermark

_UNITS_S = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400}


def of(settings: Settings, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the status of each account as the contract's object.

    Args:
        settings: where the warehouse is, and which accounts there are.
        names: accounts of the settings; without any all of them, and then those that are stored
            and not in the settings any more.

    Raises:
        ConfigError: a name that no account has.
        WarehouseError: there is no warehouse, or it can't be read.
    """
    chosen = {account.name: settings.start_of(account) for account in settings.chosen(names)}
    gone = {} if names else _stored(settings, without=chosen)
    return [
        _status(settings, name, start) | {"in_config": name in chosen}
        for name, start in (chosen | gone).items()
    ]


def _stored(settings: Settings, without: Container[str]) -> dict[str, int]:
    """Return the stored accounts, each with the first second that it was read from."""
    (rows,) = readable(settings).answers(("state/accounts", {}))
    start = moment(settings.sync.start)  # of a row that an older layout wrote
    return {
        row["account"]: start if row["sync_start"] is None else row["sync_start"]
        for row in rows
        if row["account"] not in without
    }


def _status(settings: Settings, name: str, start: int) -> dict[str, Any]:
    named = {"account": name}
    figures, covered, runs, errors = readable(settings).answers(
        ("state/status", named),
        ("state/coverage", named),
        ("state/last_runs", named),
        ("state/last_error", named),
    )
    coverage = [Window(row["after"], row["until"]) for row in covered]
    newest = newest_covered(coverage)
    holes = subtract(Window(start - 1, newest), coverage) if newest is not None else []
    return {
        "account": name,
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
    """Whether an account that is synced isn't complete up to `allowed_s` seconds before now."""
    if allowed_s is None or not status["in_config"]:
        return False
    mark = status["watermark"]
    return mark is None or now - datetime.fromisoformat(mark).timestamp() > allowed_s
