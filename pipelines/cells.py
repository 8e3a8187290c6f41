"""Values as text for programs and for tables: JSON, CSV, a table's cell; pure."""

import csv
import io
import json
import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pipelines.words import printable

WIDEST = 66
"""A session id is that long."""


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Return JSON, with times in ISO 8601 and decimals as numbers; what is no number is null."""
    try:
        return json.dumps(
            value, default=_jsonable, ensure_ascii=False, indent=indent, allow_nan=False
        )
    except ValueError:
        return as_json(_without_nan(value), indent=indent)


def to_csv(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV with a header; nested values as JSON, null as nothing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return out.getvalue()


def cell(value: Any) -> str:
    """Return a value as a table shows it, on one line."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}" + ("Z" if value.tzinfo else "")
    if isinstance(value, Decimal):
        return _decimal(value)
    text = value if isinstance(value, str) else _text(value)
    text = printable(text)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _decimal(value: Decimal) -> str:
    """Show an amount with its decimals: none, two or three, as the currency has."""
    whole, _, decimals = f"{value:,f}".partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals:0<2}" if decimals else whole


def _csv_cell(value: Any) -> Any:
    return as_json(value) if isinstance(value, dict | list) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return as_json(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, date) else str(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
