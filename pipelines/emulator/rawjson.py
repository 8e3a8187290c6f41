"""JSON read only as far as its structure, so that values can be passed on as they were written."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_SPACE = re.compile(r"[ \t\n\r]*")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


class Member(NamedTuple):
    """A member of an object: its name, its value, and where both stand in the text."""

    name: str
    value: Any
    name_start: int
    start: int
    end: int


def value_at(text: str, place: int) -> tuple[Any, int, int]:
    """The value that starts at or after a place, with its start and end.

    Raises:
        ValueError: no JSON there.
    """
    start = _skip(text, place)
    value, end = _DECODER.raw_decode(text, start)
    return value, start, end


def members(text: str, place: int = 0) -> Iterator[Member]:
    """The members of the object that starts at or after a place.

    Raises:
        ValueError: no object there.
    """
    place = _expect(text, place, "{")
    if text.startswith("}", _skip(text, place)):
        return
    while True:
        name, name_start, end = value_at(text, place)
        if not isinstance(name, str):
            raise ValueError(f"no member name at character {place}")  # noqa: TRY004 - bad text
        value, start, end = value_at(text, _expect(text, end, ":"))
        yield Member(name, value, name_start, start, end)
        if text.startswith("}", _skip(text, end)):
            return
        place = _expect(text, end, ",")


def elements(text: str, place: int = 0) -> Iterator[tuple[Any, str]]:
    """The elements of the array that starts at or after a place, each with its own text.

    Raises:
        ValueError: no array there.
    """
    place = _expect(text, place, "[")
    if text.startswith("]", _skip(text, place)):
        return
    while True:
        value, start, end = value_at(text, place)
        yield value, text[start:end]
        if text.startswith("]", _skip(text, end)):
            return
        place = _expect(text, end, ",")


def replaced(text: str, values: dict[str, str]) -> str:
    """An object's text with other values under some names; the rest as it was.

    A name that isn't there yet comes last. The object must not be empty.
    """
    out, done = "", 0
    missing = dict(values)
    for member in members(text):
        if member.name in values:
            out += text[done : member.start] + values[member.name]
            done = member.end
            missing.pop(member.name, None)
    out += text[done:].rstrip()[:-1]
    return out + "".join(f",{json.dumps(name)}:{value}" for name, value in missing.items()) + "}"


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _expect(text: str, place: int, mark: str) -> int:
    """The place after a mark that must come next."""
    start = _skip(text, place)
    if not text.startswith(mark, start):
        raise ValueError(f"no {mark} at character {start}")
    return start + 1
