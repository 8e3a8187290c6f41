"""A session's JSON as it is kept: without what must not be stored, and compared by value."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

_SECRET = "client_secret"  # noqa: S105 -- the name of a field, not one
_ITEMS = "line_items"
_SECRET_MARK = f'"{_SECRET}"'.encode()
_ITEMS_MARK = f'"{_ITEMS}"'.encode()
# As the API writes it. No text holds the name in quotes, since they would be escaped.
_PLAIN_SECRET = re.compile(rb',"client_secret":(?:null|"[^"\\]*")')
_SPACE = b" \t\r\n"
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
# An escaped letter or underscore could spell one of those names.
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
# Either that, or what may be half a surrogate pair: one without the other, or after two
# backslashes, where escapes must be counted. One search for all takes hardly longer than for one.
_TELLING = re.compile(
    rb"\\u(?:00[4-7]|[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u)[dD][c-fC-F])"
    rb"|\\\\u[dD]",
    re.DOTALL,
)
# Every escape, so that none is taken up in its middle; the group is half a pair.
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
# Stands before the digits of half a pair while its JSON is taken apart; a character nobody sends.
_GUARD = rb"\u001a"
_GUARDED = re.compile(rb"\\u001a([dD][89a-fA-F]..)", re.DOTALL)
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])


class _Apart(Struct, gc=False):
    """The member of a session that has a table of its own."""

    line_items: Raw | UnsetType = UNSET


_apart = msgspec.json.Decoder(_Apart)


def split(raw: bytes) -> tuple[bytes, bytes | None]:
    """Return a session's JSON as it is kept, and that of its `line_items`, None without any.

    Both without `client_secret` at any depth. The rest stays as received; only white space around
    what was cut may go.

    Raises:
        ValueError: a text in it is no Unicode (a lone surrogate), so no database can hold it.
    """
    if _TELLING.search(raw):
        if _has_half_pairs(raw):
            # What is cut away may be anything, so that what is kept can be read again.
            kept, items = _slowly(guarded(raw))
            kept, items = unguarded(kept), items and unguarded(items)
            if _has_half_pairs(kept) or (items and _has_half_pairs(items)):
                raise ValueError("a text holds half a surrogate pair")
            return kept, items
        if _ESCAPED_LETTER.search(raw):
            return _slowly(raw)
    left: bytes | None = raw
    items = None
    if _ITEMS_MARK in raw:
        found = _apart.decode(raw).line_items
        if found is not UNSET:
            items = bytes(found)
            left = _cut(raw, _ITEMS_MARK, items)
    if left is not None:
        left = _without_plain_secret(left)
    if left is None or (items is not None and _SECRET_MARK in items):
        return _slowly(raw)
    return left, items


def scrub(raw: bytes) -> bytes:
    """Return a session's JSON as `split` keeps it.

    Raises:
        ValueError: a text in it is no Unicode.
    """
    return split(raw)[0]


def without_secret(raw: bytes) -> bytes:
    """Return JSON without `client_secret` at any depth."""
    if _SECRET_MARK not in raw and not _ESCAPED_LETTER.search(raw):
        return raw
    if raw.startswith(b"{"):
        members = _object.decode(raw)
        members.pop(_SECRET, None)
        return _joined({name: without_secret(bytes(value)) for name, value in members.items()})
    if raw.startswith(b"["):
        return b"[" + b",".join(without_secret(bytes(value)) for value in _array.decode(raw)) + b"]"
    return raw


def same(one: str, other: str) -> bool:
    """Whether two payloads are the same JSON value: key order, white space and escapes aside.

    What is nested too deep to be compared by value isn't, unless it is the same text.
    """
    try:
        return one == other or _value(one) == _value(other)
    except RecursionError:
        return False


def without_surrogates(raw: bytes) -> bytes:
    """Return the JSON with each half of a surrogate pair replaced by U+FFFD."""
    return _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], raw)


def guarded(raw: bytes) -> bytes:
    """Return the JSON with each half of a surrogate pair as text that can be decoded."""
    return _ESCAPES.sub(lambda escape: _GUARD + escape[1][1:] if escape[1] else escape[0], raw)


def unguarded(raw: bytes) -> bytes:
    """Return the JSON with each half of a surrogate pair as it was received."""
    return _GUARDED.sub(rb"\\u\1", raw)


def _has_half_pairs(raw: bytes) -> bool:
    return any(escape[1] for escape in _ESCAPES.finditer(raw))


def _without_plain_secret(raw: bytes) -> bytes | None:
    """Return JSON without its only secret, None where the text alone doesn't tell what to cut."""
    begin = raw.find(_SECRET_MARK)
    if begin < 0:
        return raw
    found = _PLAIN_SECRET.match(raw, begin - 1) if begin else None
    if found is None or raw.find(_SECRET_MARK, begin + 1) >= 0:
        return None
    return raw[: found.start()] + raw[found.end() :]


def _cut(raw: bytes, mark: bytes, value: bytes) -> bytes | None:
    """Return an object's JSON without one member; None where it can't be told by its name."""
    begin = raw.find(mark)
    if begin < 0 or raw.find(mark, begin + 1) >= 0:
        return None
    colon = _COLON.match(raw, begin + len(mark))
    if colon is None:
        return None
    end = colon.end() + len(value)
    before, after = raw[:begin].rstrip(_SPACE), raw[end:].lstrip(_SPACE)
    if after.startswith(b","):
        return before + after[1:].lstrip(_SPACE)
    return before.removesuffix(b",") + after


def _slowly(raw: bytes) -> tuple[bytes, bytes | None]:
    """Do as `split` does where the text alone doesn't tell what to cut."""
    members = _object.decode(raw)
    items = members.pop(_ITEMS, None)
    kept = without_secret(_joined(members))
    return kept, None if items is None else without_secret(bytes(items))


def _joined(members: Mapping[str, bytes | Raw]) -> bytes:
    encode = msgspec.json.encode
    return b"{" + b",".join(b"%b:%b" % (encode(k), bytes(v)) for k, v in members.items()) + b"}"


def _value(text: str) -> Any:
    """Read JSON with its numbers exact, each in a tuple, so that none equals a boolean."""

    def number(digits: str) -> tuple[Decimal]:
        return (Decimal(digits),)

    return json.loads(text, parse_int=number, parse_float=number)
