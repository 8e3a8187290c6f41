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
_ESCAPE = b"\\u"
# An escaped letter or underscore could spell one of those names.
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# Every escape, so that none is taken up in its middle; the group is half a pair.
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
# Stands before the digits of half a pair while its JSON is taken apart; a character nobody sends.
_GUARD = rb"\u001a"
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])


class _Apart(Struct, gc=False):
    """The members of a session that aren't part of its payload: a credential, a list of its own."""

    client_secret: Raw | UnsetType = UNSET
    line_items: Raw | UnsetType = UNSET


_apart = msgspec.json.Decoder(_Apart)


def split(raw: bytes) -> tuple[bytes, bytes | None]:
    """Return a session's JSON as it is kept, and that of its `line_items`, None without any.

    Both without `client_secret` at any depth. The rest stays as received; only white space around
    what was cut may go.

    Raises:
        ValueError: a text in it is no Unicode (a lone surrogate), so no database can hold it.
    """
    kept: bytes | None
    if _ESCAPE not in raw:
        if _ITEMS_MARK not in raw and (kept := _without_plain_secret(raw)) is not None:
            return kept, None
    elif _SURROGATE.search(raw) and any(escape[1] for escape in _ESCAPES.finditer(raw)):
        raise ValueError("a text holds half a surrogate pair")
    apart = _apart.decode(raw)
    items = None if apart.line_items is UNSET else bytes(apart.line_items)
    if _ESCAPED_LETTER.search(raw):
        return _slowly(raw), items and without_secret(items)
    kept = raw
    if items is not None:
        kept = _cut(raw, _ITEMS_MARK, items)
    if kept is not None and apart.client_secret is not UNSET:
        kept = _cut(kept, _SECRET_MARK, bytes(apart.client_secret))
    if kept is None or _SECRET_MARK in kept:
        kept = _slowly(raw)
    return kept, items and without_secret(items)


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


def elements(raw: bytes) -> list[Raw]:
    """Return the elements of a JSON array, each as received."""
    return _array.decode(raw)


def same(one: str, other: str) -> bool:
    """Whether two payloads are the same JSON value: key order, white space and escapes aside."""
    return one == other or _value(one) == _value(other)


def without_surrogates(raw: bytes) -> bytes:
    """Return the JSON with each half of a surrogate pair replaced by U+FFFD."""
    return _ESCAPES.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], raw)


def guarded(raw: bytes) -> bytes:
    """Return the JSON with each half of a surrogate pair as text that can be decoded."""
    return _ESCAPES.sub(lambda escape: _GUARD + escape[1][1:] if escape[1] else escape[0], raw)


def unguarded(raw: bytes) -> bytes:
    """Return the JSON with each half of a surrogate pair as it was received."""
    return raw.replace(_GUARD, rb"\u")


def _without_plain_secret(raw: bytes) -> bytes | None:
    """Return JSON without its only secret, None where the text alone doesn't tell what to cut."""
    secrets = raw.count(_SECRET_MARK)
    if not secrets:
        return raw
    found = _PLAIN_SECRET.search(raw)
    if secrets > 1 or found is None:
        return None
    return raw[: found.start()] + raw[found.end() :]


def _cut(raw: bytes, mark: bytes, value: bytes) -> bytes | None:
    """Return an object's JSON without one member; None where it can't be told by its name."""
    begin = raw.find(mark)
    if begin < 0 or raw.find(mark, begin + 1) >= 0:
        return None
    # Between a name and its value is nothing but a colon and white space.
    end = raw.index(value, begin + len(mark)) + len(value)
    before, after = raw[:begin].rstrip(_SPACE), raw[end:].lstrip(_SPACE)
    if after.startswith(b","):
        return before + after[1:].lstrip(_SPACE)
    return before.removesuffix(b",") + after


def _slowly(raw: bytes) -> bytes:
    members = _object.decode(raw)
    members.pop(_ITEMS, None)
    return without_secret(_joined(members))


def _joined(members: Mapping[str, bytes | Raw]) -> bytes:
    encode = msgspec.json.encode
    return b"{" + b",".join(b"%b:%b" % (encode(k), bytes(v)) for k, v in members.items()) + b"}"


def _value(text: str) -> Any:
    """Read JSON with its numbers exact, each in a tuple, so that none equals a boolean."""

    def number(digits: str) -> tuple[Decimal]:
        return (Decimal(digits),)

    return json.loads(text, parse_int=number, parse_float=number)
