"""A route's parameters, read as strictly as Stripe reads them."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from pipelines.emulator.errors import (
    ApiError,
    bad_choice,
    bad_integer,
    bad_shape,
    both_cursors,
    empty_parameter,
    not_expandable,
    out_of_range,
    unknown_parameter,
)
from pipelines.emulator.store import FIELDS, OBJECTS, Cursors, Expand, Query

MOST_ROWS = 100

_STATUSES = ("complete", "expired", "open")
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_EXPAND = re.compile(r"expand\[[0-9]*\]", re.ASCII)
_METADATA = re.compile(r"metadata\[([^\]]+)\]")
_LISTS = ("created", "customer_details", "expand")
_MOST_KEYS = 50
_MOST_KEY_CHARS = 40
_MOST_VALUE_CHARS = 500

Pairs = list[tuple[str, str]]


def pairs_of(query: bytes) -> Pairs:
    """The names and values of a query string or form, in order.

    Raises:
        ApiError: text that isn't UTF-8, or too much of it.
    """
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as exc:
        raise ApiError(400, "Invalid request: the parameters are no UTF-8 form.") from exc


def list_query(pairs: Pairs) -> Query:
    """What a list request asks for.

    Raises:
        ApiError: a parameter that Stripe refuses.
    """
    least: list[int] = []
    most: list[int] = []
    filters: dict[str, str] = {}
    rest: Pairs = []
    for name, value in pairs:
        if name.startswith("created"):
            _created(name, value, least, most)
        elif name == "customer_details[email]" or name in FIELDS:
            field = "customer_details.email" if name.startswith("customer_details") else name
            filters[field] = _filled(name, value)
        else:
            rest.append((name, value))
    if filters.get("status", "open") not in _STATUSES:
        raise bad_choice("status", _STATUSES)
    expand = [(name, value) for name, value in rest if _EXPAND.fullmatch(name)]
    others = [pair for pair in rest if pair not in expand]
    return Query(
        least=max(least, default=None),
        most=min(most, default=None),
        filters=filters,
        cursors=cursors(others),
        expand=_expand((value for _, value in expand), prefix="data."),
    )


def cursors(pairs: Pairs) -> Cursors:
    """Which part of a list is asked for, and nothing else.

    Raises:
        ApiError: another parameter, or one of these that Stripe refuses.
    """
    limit = 10
    found: dict[str, str] = {}
    for name, value in pairs:
        if name == "limit":
            limit = _integer(name, value)
        elif name in {"starting_after", "ending_before"}:
            found[name] = _filled(name, value)
        else:
            raise _unknown(name)
    if limit < 1:
        raise out_of_range("limit", "greater than or equal to 1")
    if limit > MOST_ROWS:
        raise out_of_range("limit", f"less than or equal to {MOST_ROWS}")
    if len(found) > 1:
        raise both_cursors()
    return Cursors(limit=limit, **found)


def expand_only(pairs: Pairs) -> Expand:
    """What a retrieve request asks for.

    Raises:
        ApiError: a parameter that Stripe refuses.
    """
    for name, _ in pairs:
        if not _EXPAND.fullmatch(name):
            raise _unknown(name)
    return _expand((value for _, value in pairs), prefix="")


def metadata_edit(pairs: Pairs) -> tuple[dict[str, str], bool]:
    """The changes of an update request, and whether all other metadata goes.

    Raises:
        ApiError: a parameter that Stripe refuses.
    """
    changes: dict[str, str] = {}
    clear = False
    for name, value in pairs:
        found = _METADATA.fullmatch(name)
        if found:
            changes[found[1]] = value
        elif name == "metadata" and not value:
            clear = True
        else:
            raise unknown_parameter(name)
    for key, value in changes.items():
        if len(key) > _MOST_KEY_CHARS:
            raise ApiError(
                400,
                f"Metadata keys must be at most {_MOST_KEY_CHARS} characters long.",
                param="metadata",
            )
        if len(value) > _MOST_VALUE_CHARS:
            raise ApiError(
                400,
                f"Metadata values can have up to {_MOST_VALUE_CHARS} characters.",
                param=f"metadata[{key}]",
            )
    if len(changes) > _MOST_KEYS:
        raise ApiError(400, f"Metadata can have up to {_MOST_KEYS} keys.", param="metadata")
    return changes, clear


def _created(name: str, value: str, least: list[int], most: list[int]) -> None:
    """Adds one bound of `created` to those already found."""
    kinds = ("created", "created[gt]", "created[gte]", "created[lt]", "created[lte]")
    if name not in kinds:
        raise unknown_parameter(name)
    second = _integer(name, value)
    if name in {"created", "created[gte]"}:
        least.append(second)
    if name in {"created", "created[lte]"}:
        most.append(second)
    if name == "created[gt]":
        least.append(second + 1)
    if name == "created[lt]":
        most.append(second - 1)


def _integer(name: str, value: str) -> int:
    _filled(name, value)
    if not _INTEGER.fullmatch(value):
        raise bad_integer(name, value)
    return int(value)


def _filled(name: str, value: str) -> str:
    if not value:
        raise empty_parameter(name)
    return value


def _unknown(name: str) -> ApiError:
    """What is wrong with a name that no parameter has."""
    if name == "expand":
        return bad_shape("expand", "array")
    if name in _LISTS:
        return bad_shape(name, "object")
    start, bracket, _ = name.partition("[")
    if bracket and start in {*FIELDS, "limit", "starting_after", "ending_before"}:
        return bad_shape(start, "string")
    return unknown_parameter(name)


def _expand(paths: Iterable[str], *, prefix: str) -> Expand:
    """What to expand, each path with this prefix."""
    line_items = False
    ids = set()
    for path in paths:
        name = path.removeprefix(prefix)
        known = name == "line_items" or name in OBJECTS
        if known and not path.startswith(prefix):
            raise not_expandable(path, prefix + path)
        if not known:
            raise not_expandable(path)
        if name == "line_items":
            line_items = True
        else:
            ids.add(name)
    return Expand(line_items, frozenset(ids))
