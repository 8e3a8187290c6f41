"""A session's JSON as it is kept: without what must not be stored, and compared by value."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

NOT_STORED = ("client_secret", "line_items")
"""A credential, and the list that has a table of its own."""

_SECRET = "client_secret"  # noqa: S105 -- the name of a field, not one
_SECRET_MARK = f'"{_SECRET}"'.encode()
_MARKS = tuple(f'"{name}"'.encode() for name in NOT_STORED)
# An escape below U+0100 could spell one of those names.
_ESCAPE = b"\\u00"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# Every escape, so that none is taken up in its middle; the group is half a pair.
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])


def scrub(raw: bytes) -> bytes:
    """Return a session's JSON without `client_secret` at any depth and without `line_items`.

    The rest stays as received; only white space around what was cut may go.

    Raises:
        ValueError: a text in it is no Unicode (a lone surrogate), so no database can hold it.
    """
    if _SURROGATE.search(raw) and any(escape[1] for escape in _ESCAPES.finditer(raw)):
        raise ValueError("a text holds half a surrogate pair")
    if _ESCAPE not in raw and not any(mark in raw for mark in _MARKS):
        return raw
    members = _object.decode(raw)
    for name in NOT_STORED:
        members.pop(name, None)
    return _without_secret(_joined(members))


def same(one: str, other: str) -> bool:
    """Whether two payloads are the same JSON value: key order, white space and escapes aside."""
    return one == other or _value(one) == _value(other)


def without_surrogates(raw: bytes) -> bytes:
    """Return the JSON with each half of a surrogate pair replaced by U+FFFD."""
    return _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], raw)


def _without_secret(raw: bytes) -> bytes:
    if _ESCAPE not in raw and _SECRET_MARK not in raw:
        return raw
    if raw.startswith(b"{"):
        members = _object.decode(raw)
        members.pop(_SECRET, None)
        return _joined({name: _without_secret(bytes(value)) for name, value in members.items()})
    if raw.startswith(b"["):
        return b"[" + b",".join(_without_secret(bytes(v)) for v in _array.decode(raw)) + b"]"
    return raw


def _joined(members: Mapping[str, bytes | msgspec.Raw]) -> bytes:
    encode = msgspec.json.encode
    return b"{" + b",".join(b"%b:%b" % (encode(k), bytes(v)) for k, v in members.items()) + b"}"


def _value(text: str) -> Any:
    """Read JSON with its numbers exact, each in a tuple, so that none equals a boolean."""

    def number(digits: str) -> tuple[Decimal]:
        return (Decimal(digits),)

    return json.loads(text, parse_int=number, parse_float=number)
