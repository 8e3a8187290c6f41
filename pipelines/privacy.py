"""What of a session is never stored, or stored as a keyed hash only.

Pure: JSON in, JSON out. Paths go through lists (`line_items.description`). A hash is `hmac_` and an
HMAC-SHA256 in hex, so equal texts stay equal and can be joined, nobody without the key can try
texts out, and what is a hash already isn't hashed once more.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

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

Redact = Callable[[bytes, str], bytes]
"""Takes out of JSON what must not be stored; told the JSON's own path in a session."""

# An escaped letter, digit or sign could spell a name.
_ESCAPED = re.compile(rb"\\u00[2-7]")
_HASH = re.compile(r"hmac_[0-9a-f]{64}")
_NULL = b"null"
_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)


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
