"""What a verification finds: sessions that aren't stored as the API has them; pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines import payload
from pipelines.errors import EXIT_INTERRUPTED, CheckoutsError
from pipelines.windows import Window, iso

ALARMS = ("missing", "stale", "unknown")
"""Kinds that say the warehouse is wrong."""
KINDS = (*ALARMS, "pending", "reshaped", "rejected")


@dataclass(frozen=True, slots=True)
class Difference:
    """One session that isn't stored as the API has it.

    Attributes:
        kind: `missing`: the API has it, the warehouse doesn't; `stale`: stored, but otherwise;
            `unknown`: stored, but the API doesn't have it; `pending`: it moved since the last run
            and its next look isn't overdue; `reshaped`: asked for in another API version, or kept
            under other privacy settings;
            `rejected`: it has no place in the columns.
        id: the session.
        created: its second.
        paths: fields that differ, for a stale one.
    """

    kind: str
    id: str
    created: int
    paths: tuple[str, ...] = ()


@dataclass
class Findings:
    """What a verification of one account found.

    Attributes:
        account: the account.
        compared: sessions of the API that were compared.
        differences: those that differ, oldest first.
        holes: parts of the range that aren't covered, so that nothing could be compared.
        error: what went wrong, if anything did.
        interrupted: whether it was stopped before its end.
    """

    account: str
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    holes: list[Window] = field(default_factory=list)
    error: CheckoutsError | None = None
    interrupted: bool = False

    left_behind = "nothing is said of what was not compared"

    def of(self, kind: str) -> list[Difference]:
        """Return the differences of a kind."""
        return [found for found in self.differences if found.kind == kind]

    @property
    def alarms(self) -> list[Difference]:
        """Return the differences that say the warehouse is wrong."""
        return [found for found in self.differences if found.kind in ALARMS]

    @property
    def outcome(self) -> str:
        """`completed`, `different`, `failed` or `interrupted`."""
        if self.error is not None:
            return "failed"
        if self.interrupted:
            return "interrupted"
        return "different" if self.alarms else "completed"

    @property
    def exit_code(self) -> int:
        """The exit code that says the outcome."""
        if self.error is not None:
            return self.error.exit_code
        if self.interrupted:
            return EXIT_INTERRUPTED
        return 6 if self.alarms else 0

    @property
    def mending(self) -> Window | None:
        """The window whose backfill mends the alarms."""
        seconds = [found.created for found in self.alarms]
        return Window(min(seconds) - 1, max(seconds)) if seconds else None

    @property
    def mends_line_items(self) -> bool:
        """Whether that backfill must read line items that look as stored."""
        return any(path.startswith("line_items[") for found in self.alarms for path in found.paths)

    def as_json(self) -> dict[str, Any]:
        """Return the contract's object."""
        shown: dict[str, Any] = {"account": self.account, "outcome": self.outcome}
        shown["compared"] = self.compared
        for kind in KINDS:
            ids = [found.id for found in self.of(kind)]
            shown[kind] = {"count": len(ids), "ids": ids}
        shown["holes"] = [
            {"after": iso(hole.after), "until": None if hole.open_ended else iso(hole.until)}
            for hole in self.holes
        ]
        if self.error is not None:
            shown["error"] = self.error.as_json()
        return shown


def differing(row: Mapping[str, Any], text: str, items: Sequence[str] | None) -> Iterable[str]:
    """Return the paths at which a session differs from its row, its line items' last.

    Args:
        row: what is stored.
        text: the session's payload.
        items: the payloads of its line items, in order; None if they weren't read.
    """
    if not payload.same(text, row["payload"]):
        yield from sorted(_differing(json.loads(row["payload"]), json.loads(text)))
    if items is None:
        return
    stored = row["line_items"]
    if not row["line_items_complete"]:
        yield "line_items"
        return
    if len(items) != len(stored):
        yield "line_items[]"
        return
    for position, (one, other) in enumerate(zip(stored, items, strict=True)):
        if not payload.same(one, other):
            where = f"line_items[{position}]"
            yield from sorted(_differing(json.loads(one), json.loads(other), where))


def _differing(stored: Any, seen: Any, path: str = "") -> Iterable[str]:
    """Return the paths at which two JSON values differ, as `metadata.note`; never the values."""
    if isinstance(stored, dict) and isinstance(seen, dict):
        for key in sorted(stored.keys() | seen.keys()):
            below = f"{path}.{key}" if path else key
            if key not in stored or key not in seen:
                yield below
            else:
                yield from _differing(stored[key], seen[key], below)
    elif isinstance(stored, list) and isinstance(seen, list) and len(stored) == len(seen):
        for index, (one, other) in enumerate(zip(stored, seen, strict=True)):
            yield from _differing(one, other, f"{path}[{index}]")
    elif type(stored) is not type(seen) or stored != seen:
        yield path
