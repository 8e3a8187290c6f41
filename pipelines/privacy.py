"""What of a session is never stored, or stored as a keyed hash only.

Pure: JSON in, JSON out. Paths go through lists (`line_items.description`). A hash is `hmac_` and an
HMAC-SHA256 in hex, so equal texts stay equal and can be joined, nobody without the key can try
texts out, and what is a hash already isn't hashed once more.
"""

import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from pipelines.children import CHILDREN, LINE_ITEMS
from pipelines.columns import Column, Kind
from pipelines.schema import SESSIONS

PROTECTED = (
    "id",
    "object",
    "created",
    "expires_at",
    "mode",
    "status",
    "payment_status",
    "livemode",
)
"""Fields that reading and comparing need; they say nothing of a person."""
NOT_ALONE = ("line_items", LINE_ITEMS.source, "line_items.has_more", f"{LINE_ITEMS.source}.id")
"""What reading line items needs."""
TEXTS = (Kind.TEXT, Kind.ID, Kind.DECIMAL, Kind.TEXTS, Kind.IDS, Kind.MAP, Kind.JSON)
"""What a hash has a place in."""
OPEN = (Kind.ID, Kind.IDS, Kind.MAP, Kind.JSON)
"""What may have fields of any name."""

Redact = Callable[[bytes, str], bytes]
"""Takes out of JSON what must not be stored; told the JSON's own path in a session."""

# An escaped letter, digit or sign could spell a name.
_ESCAPED = re.compile(rb"\\u00[2-7]")
_HASH = re.compile(r"hmac_[0-9a-f]{64}")
_NULL = b"null"
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True)
class Protection:
    """What is taken out of every session before it is stored.

    Attributes:
        redact: takes it out; None where everything is stored.
        fingerprint: a word for each path that is taken out, in order; empty where none is. Where
            more was taken out of what is stored, it has more words.
    """

    redact: Redact | None = None
    fingerprint: str = ""

    def hashes(self, text: str, *paths: str) -> list[str]:
        """Return as what else than itself a text is stored at top-level or nested paths."""
        found: set[str] = set()
        for path in paths:
            value: object = text
            for name in reversed(path.split(".")):
                value = {name: value}
            raw = json.dumps(value, separators=(",", ":")).encode()
            kept = raw if self.redact is None else self.redact(raw, "")
            if kept != raw:
                found.update(_HASH.findall(kept.decode()))
        return sorted(found)


NOTHING = Protection()
"""Everything is stored."""


def protection(drop: Iterable[str], hash_: Iterable[str], key: bytes) -> Protection:
    """Return what takes these paths out of sessions of any API version; see `redaction`."""
    drop, hash_ = _in_all_versions(drop), _in_all_versions(hash_)
    redact = redaction(drop, hash_, key)
    if redact is None:
        return NOTHING
    words = {_word(f"drop {path}", b"") for path in drop}
    words |= {_word(f"hash {path}", key) for path in hash_}
    return Protection(redact, " ".join(sorted(words)))


def _word(what: str, key: bytes) -> str:
    return hmac.digest(key, what.encode(), "sha256").hex()[:16]


def objection(path: str, *, hashing: bool) -> str | None:
    """Return why a path can't be dropped or hashed; None where it can."""
    path = ".".join(parts_of(path))
    if path in PROTECTED:
        return f"{path} can't be left out, since reading and comparing need it"
    if path in NOT_ALONE:
        return f"{path} can't be left out alone; stripe.line_items: false leaves out line items"
    fields = dict(_fields())
    inside = any(path.startswith(f"{at}.") and each.kind in OPEN for at, each in fields.items())
    around = any(at.startswith(f"{path}.") for at in fields)
    if path not in fields and not inside and not around:
        return f"{path[:100]!r} is no field that this version knows; look it up in Stripe's API"
    if hashing and not inside and (around or fields[path].kind not in TEXTS):
        return f"{path} is no text, so it can't be hashed; drop it, or name a text"
    return None


def parts_of(path: str) -> tuple[str, ...]:
    """Return a path's names: `custom_fields[].text.value` goes through a list as without `[]`."""
    return tuple(path.replace("[]", "").split("."))


def redaction(drop: Iterable[str], hash_: Iterable[str], key: bytes) -> Redact | None:
    """Return what takes these paths out of JSON, None where there are none.

    Args:
        drop: paths never stored; they count where a path is in both.
        hash_: paths stored as keyed hashes.
        key: the hashes' key.
    """
    root = _Node()
    for path in hash_:
        root.at(parts_of(path)).hashed = True
    for path in drop:
        root.at(parts_of(path)).dropped = True
    if not root.below:
        return None

    def redact(text: bytes, path: str) -> bytes:
        node: _Node | None = root
        for name in parts_of(path) if path else ():
            node = node.below.get(name) if node is not None else None
        return text if node is None else _redacted(text, node, key)

    return redact


def hashed(text: str, key: bytes) -> str:
    """Return a text's keyed hash; that of a hash is itself."""
    if _HASH.fullmatch(text):
        return text
    return "hmac_" + hmac.digest(key, text.encode(), "sha256").hex()


def _fields() -> Iterator[tuple[str, Column]]:
    """Yield every field that has a column, by its path in a session."""
    for table in (SESSIONS, *CHILDREN):
        prefix = f"{table.source}." if table.source else ""
        for column in table.fields:
            yield prefix + column.path, column


def _in_all_versions(paths: Iterable[str]) -> list[str]:
    """Return the paths, and those that older API versions used for them."""
    plain = [".".join(parts_of(path)) for path in paths]
    return plain + [
        older + path.removeprefix(today)
        for today, older in ((today, older) for older, today in SESSIONS.older.items())
        for path in plain
        if path == today or path.startswith(f"{today}.")
    ]


@dataclass(slots=True)
class _Node:
    """What is done at a path, and further down."""

    dropped: bool = False
    hashed: bool = False
    below: dict[str, "_Node"] = field(default_factory=dict)
    marks: list[bytes] = field(default_factory=list)

    def at(self, names: Sequence[str]) -> "_Node":
        """Return the node at a path below this one, made where it isn't there."""
        if not names:
            return self
        first, *rest = names
        if first not in self.below:
            self.below[first] = _Node()
            self.marks.append(f'"{first}"'.encode())
        return self.below[first].at(rest)


def _redacted(raw: bytes, node: _Node, key: bytes) -> bytes:
    if node.hashed:
        raw = _hashed(raw, key)
    if not node.below:
        return raw
    if raw.startswith(b"["):
        values = [bytes(value) for value in _array.decode(raw)]
        redacted = [_redacted(value, node, key) for value in values]
        return raw if redacted == values else b"[" + b",".join(redacted) + b"]"
    if not raw.startswith(b"{"):
        return raw
    if not any(mark in raw for mark in node.marks) and not _ESCAPED.search(raw):
        return raw
    members = {name: bytes(value) for name, value in _object.decode(raw).items()}
    kept: dict[str, bytes] = {}
    for name, value in members.items():
        below = node.below.get(name)
        if below is None or not below.dropped:
            kept[name] = value if below is None else _redacted(value, below, key)
    return raw if kept == members else _joined(kept)


def _hashed(raw: bytes, key: bytes) -> bytes:
    """Hash every text, number and boolean of a JSON value; null stays null."""
    if raw.startswith(b"{"):
        return _joined({n: _hashed(bytes(v), key) for n, v in _object.decode(raw).items()})
    if raw.startswith(b"["):
        return b"[" + b",".join(_hashed(bytes(value), key) for value in _array.decode(raw)) + b"]"
    if raw == _NULL:
        return raw
    text = _text.decode(raw) if raw.startswith(b'"') else raw.decode()
    return f'"{hashed(text, key)}"'.encode()


def _joined(members: Mapping[str, bytes]) -> bytes:
    encode = msgspec.json.encode
    return b"{" + b",".join(b"%b:%b" % (encode(k), v) for k, v in members.items()) + b"}"


PERSONAL = tuple(path for path, column in _fields() if column.personal)
"""The paths that may hold a person's data."""
BLANK = redaction(_in_all_versions(PERSONAL), (), b"")
"""Takes a person out of a session."""
