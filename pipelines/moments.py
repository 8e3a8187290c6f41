"""Dates and times that people write, as epoch seconds."""

import re
from datetime import UTC, date, datetime, timedelta

from pipelines.errors import UsageError

EARLIEST, LATEST = -62_135_510_400, 253_402_214_400
"""The years 1 to 9999, a day within, so that every time zone can show them; epoch seconds."""
DATE_LIKE = r"\d{4}|\d{6}|\d{8}"
"""As long as 2026, 202610 or 20261001; as seconds they would lie in 1970."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str) -> int:
    """Return an ISO date or timestamp as epoch seconds, fractions rounded up; UTC by default.

    Raises:
        ValueError: it is no ISO date or timestamp.
    """
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    second = -((EPOCH - at) // timedelta(seconds=1))
    if not EARLIEST <= second <= LATEST:
        raise ValueError(f"{text} is in no year that a date can be shown in")
    return second


def usage_moment(text: str, option: str) -> int:
    """Return a command-line date as epoch seconds.

    Raises:
        UsageError: it is no ISO date or timestamp.
    """
    try:
        return moment(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: expected a date such as 2026-10-01 or 2026-10-01T14:30:00+02:00,"
            f" got {text!r}"
        ) from None


def usage_day(text: str, option: str) -> date:
    """Return a command-line day.

    Raises:
        UsageError: it is no ISO date, or has a time.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{option}: expected a day such as 2026-10-01, got {text!r}") from None


def usage_second(text: str, option: str) -> int:
    """Return a command-line time as epoch seconds: a whole number is one, else an ISO date.

    A number that is as long as a year, a month or a day is none, but a date: 20261001.

    Raises:
        UsageError: it is neither.
    """
    is_second = re.fullmatch(r"-?\d{1,15}", text) and not re.fullmatch(DATE_LIKE, text)
    return int(text) if is_second else usage_moment(text, option)
