"""Sessions from a file, served exactly as they stand there."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.emulator.catalogue import LONGEST
from pipelines.emulator.rawjson import elements, members, value_at
from pipelines.emulator.store import FIELDS, Horizon, same


class _Entry(NamedTuple):
    """A session of the file: its value, its text without line items, and their texts."""

    value: dict[str, Any]
    text: str
    line_items: list[str]


class Loaded:
    """The sessions of a file: a list response, or one session a line.

    Args:
        path: the file.

    Raises:
        ValueError: the file can't be read as sessions.
    """

    def __init__(self, path: Path) -> None:
        try:
            entries = [_entry(value, text) for value, text in _sessions(path)]
        except (OSError, UnicodeDecodeError) as exc:
            raise ValueError(f"{path} can't be read: {exc}") from exc
        except (ValueError, RecursionError) as exc:
            raise ValueError(f"{path} holds no checkout sessions: {exc}") from exc
        # Newest first with ties as in the file, then turned round: indexes go by age.
        entries.sort(key=lambda entry: entry.value["created"], reverse=True)
        entries.reverse()
        self._entries = entries
        self._by_id = {entry.value["id"]: index for index, entry in enumerate(entries)}
        if len(self._by_id) < len(entries):
            ids = [entry.value["id"] for entry in entries]
            twice = next(each for each in self._by_id if ids.count(each) > 1)
            raise ValueError(f"{path} holds no checkout sessions: {twice} is in it twice")
        self.created: Sequence[int] = [entry.value["created"] for entry in entries]

    def horizon(self, now: int) -> Horizon:
        """How many sessions were created by now; none of them is hidden."""
        return Horizon(bisect_right(self.created, now), frozenset())

    def index_of(self, session_id: str) -> int | None:
        """The session with this id, or None."""
        return self._by_id.get(session_id)

    def id_of(self, index: int) -> str:
        """A session's id."""
        return str(self._entries[index].value["id"])

    def find(self, filters: Mapping[str, str], now: int) -> Sequence[int]:  # noqa: ARG002 - as Source
        """Where sessions that match may be: anywhere."""
        return range(len(self._entries))

    def matches(self, index: int, filters: Mapping[str, str], now: int) -> bool:  # noqa: ARG002 - as Source
        """Whether a session fits all the filters."""
        value = self._entries[index].value
        return all(same(value, FIELDS[name], wanted) for name, wanted in filters.items())

    def body(self, index: int, now: int) -> str:  # noqa: ARG002 - as Source
        """A session as in the file, without its line items."""
        return self._entries[index].text

    def line_items(self, index: int, now: int, most: int = LONGEST) -> list[str]:  # noqa: ARG002 - as Source
        """A session's first line items as in the file."""
        return self._entries[index].line_items[:most]


def _sessions(path: Path) -> list[tuple[Any, str]]:
    """The file's sessions, each with its own text."""
    text = path.read_text(encoding="utf-8-sig")
    try:
        first, start, end = value_at(text, 0)
    except ValueError as exc:
        raise ValueError(f"line 1 is no JSON ({exc})") from exc
    if isinstance(first, dict) and first.get("object") == "list":
        if text[end:].strip():
            raise ValueError("there is more after the list")
        for member in members(text, start):
            if member.name == "data" and isinstance(member.value, list):
                return list(elements(text, member.start))
        raise ValueError("the list has no data")
    sessions = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value, start, end = value_at(line, 0)
        except ValueError as exc:
            raise ValueError(f"line {number} is no JSON ({exc})") from exc
        if line[end:].strip():
            raise ValueError(f"line {number} has more than one value")
        sessions.append((value, line[start:end]))
    return sessions


def _entry(value: Any, text: str) -> _Entry:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise ValueError(f"an element without an id: {text[:60]}")  # noqa: TRY004 - a bad file
    if type(value.get("created")) is not int:
        raise ValueError(f"{value['id']} has no integer created")
    items: list[str] = []
    parts = list(members(text))
    for member in parts:
        if member.name != "line_items" or member.value is None:
            continue
        if not isinstance(member.value, dict) or not isinstance(member.value.get("data"), list):
            raise ValueError(f"the line_items of {value['id']} are no list")  # noqa: TRY004 - a bad file
        for inner in members(text, member.start):
            if inner.name == "data":
                items = [raw for _, raw in elements(text, inner.start)]
    if "line_items" in value:
        kept = (part for part in parts if part.name != "line_items")
        text = "{" + ",".join(text[part.name_start : part.end] for part in kept) + "}"
    return _Entry(value, text, items)
