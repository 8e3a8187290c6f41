"""How a table's JSON objects are decoded: structs made from its columns' paths.

The structs refuse a name that they don't know, which costs nothing where there is none. A name that
was met becomes one more member, kept as received: so it costs one failed try in all, and is seen
wherever it comes again.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import astuple

from pipelines.columns import Column, Kind, Table

# DuckDB's TIMESTAMPTZ counts microseconds in 64 bits, from 290309-12-22 BC on.
EARLIEST_S, LATEST_S = -9_223_372_022_400, 2**63 // 1_000_000 - 1

Time = Annotated[int, Meta(ge=EARLIEST_S, le=LATEST_S)]
_Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

MOST_LEARNED = 64
"""Unknown names that become members; where there are more, they are data and no names."""
NEW_VALUE = "new value"
"""Said in place of a type where only certain texts were known."""

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$(.*)`)?", re.DOTALL)
_MISTYPED = re.compile(r"Expected `[^`]*`, got `(\w+)`(?: - at `\$(.*)`)?")
_POSITION = re.compile(r"\[[^]]*\]")
# What msgspec takes as a member's name in JSON.
_MEMBER = re.compile(r'[^"\\`\x00-\x1f]*')
_LONGEST_NAME = 200
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_FIRST_BYTES = {b'"': "string", b"{": "object", b"[": "array", b"t": "boolean", b"f": "boolean"}
_FIRST_BYTES[b"n"] = "null"


class Expanded(Struct, gc=False):
    """An object sent in place of its id."""

    id: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the columns don't know: the path of the object that has it, and the name."""

    object: str
    name: str

    @property
    def path(self) -> str:
        """The path of the field, fit to be shown."""
        name = "".join(c if c.isprintable() else "?" for c in self.name[:_LONGEST_NAME])
        return _joined(self.object, name)

    @property
    def can_be_learned(self) -> bool:
        """Whether a struct can have a member of that name."""
        return len(self.name) <= _LONGEST_NAME and _MEMBER.fullmatch(self.name) is not None


@dataclass(frozen=True)
class Spec:
    """What the structs of a table are made from.

    Attributes:
        table: the table.
        required: types of the fields that every object must have, by path.
        lists: paths whose elements are kept as received, since they have tables of their own.
    """

    table: Table
    required: Mapping[str, Any] = field(default_factory=dict)
    lists: Sequence[str] = ()


@dataclass(frozen=True)
class Laid:
    """Objects as columns.

    Attributes:
        values: those of the table's fields, by column.
        unknown: what the columns don't know: index of the object, path, type.
    """

    values: dict[str, Sequence[Any]]
    unknown: list[tuple[int, str, str]]


class Shape:
    """The structs of one table's objects.

    Args:
        spec: what they are made from.
        learned: further names that are taken, as received.
        strict: whether other names are refused.
    """

    def __init__(self, spec: Spec, learned: Sequence[Name] = (), *, strict: bool = True) -> None:
        self.learned = tuple(learned)
        self._spec = spec
        self._strict = strict
        self._objects: list[tuple[str, str, str]] = []
        """Nested objects: path, path of the parent, name in it; parents first."""
        self._leaves: list[tuple[Column, str, str]] = []
        """Columns: the column, path of the object that has it, name in it."""
        self._empty: dict[str, Any] = {}
        """What stands for an object that is null: all its fields null."""
        self._older = {today: older for older, today in spec.table.older.items()}
        self._older_structs: dict[str, type[Struct]] = {}
        lists = [Column(path, Kind.JSON, "", derived=True) for path in spec.lists]
        fields = [(column.path.split("."), column) for column in (*spec.table.fields, *lists)]
        self._struct: Any = self._build("", fields)

    @cached_property
    def decode(self) -> Callable[[bytes | Raw], Any]:
        """Decodes an object."""
        return msgspec.json.Decoder(self._struct).decode

    @cached_property
    def lenient(self) -> "Shape":
        """The shape that takes any name."""
        return Shape(self._spec, self.learned, strict=False)

    def taking(self, name: Name) -> "Shape":
        """Return a shape that takes one more name, or any if there are too many."""
        if len(self.learned) >= MOST_LEARNED:
            return self.lenient
        return Shape(self._spec, (*self.learned, name))

    def lay_out(self, objects: Sequence[Any]) -> Laid:
        """Lay decoded objects out as columns; those of an earlier shape fit too."""
        parents: dict[str, Sequence[Any]] = {"": objects}
        members = {"": _columns(objects, self._struct.__struct_fields__)}
        for path, parent, name in self._objects:
            empty = self._empty[path]
            inside = members[parent][name]
            if path in self._older:
                older = members[""][self._older[path]]
                inside = [n or o for n, o in zip(inside, older, strict=True)]
            parents[path] = [child or empty for child in inside]
            members[path] = _columns(parents[path], empty.__struct_fields__)
        laid = Laid({}, list(self._learned(parents)))
        for column, parent, name in self._leaves:
            values = members[parent][name]
            convert = _CONVERT.get(column.kind)
            if convert is not None:
                values = convert(values)
            if column.one_of or column.kind is Kind.JSON:
                laid.unknown.extend(_unexpected(column, values))
            laid.values[column.name] = values
        return laid

    def _learned(self, parents: Mapping[str, Sequence[Any]]) -> Iterator[tuple[int, str, str]]:
        for number, name in enumerate(self.learned):
            for index, parent in enumerate(parents[self._today(name.object)]):
                value = getattr(parent, _member(number), UNSET)
                if value is not UNSET:
                    yield index, name.path, _type_of(bytes(value))

    def _today(self, path: str) -> str:
        """Return an object's path as today's API version has it."""
        for older, today in self._spec.table.older.items():
            if path == older or path.startswith(f"{older}."):
                return today + path[len(older) :]
        return path

    def _build(self, path: str, fields: Sequence[tuple[list[str], Column]]) -> type[Struct]:
        """Make the struct for the object at `path`, and those inside it."""
        members: list[tuple[Any, ...]] = []
        inner: dict[str, list[tuple[list[str], Column]]] = {}
        for (name, *rest), column in fields:
            if rest:
                inner.setdefault(name, []).append((rest, column))
                continue
            if not column.derived:
                self._leaves.append((column, path, name))
            required = self._spec.required.get(column.path)
            listed = column.path in self._spec.lists
            usual = (tuple[Raw, ...] | None, None) if listed else _MEMBERS[column.kind]
            members.append((name, required) if required else (name, *usual))
        for name, below in inner.items():
            child = _joined(path, name)
            self._objects.append((child, path, name))
            struct = self._build(child, below)
            self._empty[child] = struct()
            members.append((name, struct | None, None))
            if child in self._older:
                self._older_structs[self._older[child]] = struct
        if not path:
            members += [(name, struct | None, None) for name, struct in self._older_structs.items()]
        learned = {
            _member(n): u.name for n, u in enumerate(self.learned) if self._today(u.object) == path
        }
        members += [(member, Raw | UnsetType, UNSET) for member in learned]
        return msgspec.defstruct(
            path.title().replace(".", "").replace("_", "") or "Object",
            members,
            rename=learned,
            forbid_unknown_fields=self._strict,
            kw_only=True,
            gc=False,
        )


def unknown_name(error: Exception) -> Name | None:
    """Return the name that a shape refused, None if that isn't what went wrong."""
    match = _UNKNOWN.fullmatch(str(error))
    return Name(_place(match.group(2)), match.group(1)) if match else None


def mistyped(error: str) -> tuple[str, str] | None:
    """Return path and type of a value that a shape refused, None if that isn't what went wrong."""
    match = _MISTYPED.fullmatch(error)
    if match is None:
        return None
    return _place(match.group(2)), _TYPES.get(match.group(1), match.group(1))


def _place(path: str | None) -> str:
    """Return a path of msgspec's, as `[0].text`, as ours: `text`; elsewhere positions are `[]`."""
    return _POSITION.sub("[]", path or "").removeprefix("[]").removeprefix(".")


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _member(number: int) -> str:
    return f"_learned_{number}"


def _columns(objects: Sequence[Any], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Return the objects' members by name; each object is gone through once, which is faster."""
    columns = zip(*map(astuple, objects), strict=False)  # those of earlier shapes have fewer
    return dict(zip(names, columns if objects else ((),) * len(names), strict=False))


def _unexpected(column: Column, values: Sequence[Any]) -> Iterator[tuple[int, str, str]]:
    """Find texts that the API doesn't document, and JSON that is no object and no list."""
    if column.kind is Kind.JSON:
        for index, value in enumerate(values):
            if value is not None and value[:1] not in (b"{", b"["):
                yield index, column.path, _type_of(value)
    elif new := set(values) - column.values - {None}:
        for index, value in enumerate(values):
            if value in new:
                yield index, column.path, NEW_VALUE


def _type_of(text: bytes) -> str:
    return _FIRST_BYTES.get(text[:1]) or ("number" if set(text) & set(b".eE") else "integer")


def _ids(values: Sequence[Any]) -> Sequence[str | None]:
    if Expanded not in map(type, values):  # as nearly always
        return values
    return [value.id if isinstance(value, Expanded) else value for value in values]


def _lists_of_ids(
    values: Sequence[Sequence[str | Expanded] | None],
) -> list[Sequence[str | None] | None]:
    return [None if value is None else _ids(value) for value in values]


def _jsons(values: Sequence[Raw]) -> list[bytes | None]:
    return [None if text == b"null" else text for text in map(bytes, values)]


def _maps(values: Sequence[dict[str, str] | None]) -> list[list[tuple[str, str]] | None]:
    return [None if value is None else list(value.items()) for value in values]


_CONVERT: dict[Kind, Callable[[Sequence[Any]], Sequence[Any]]] = {
    Kind.ID: _ids,
    Kind.IDS: _lists_of_ids,
    Kind.JSON: _jsons,
    Kind.MAP: _maps,
}
"""Values as decoded, as Arrow takes them."""

_MEMBERS: dict[Kind, tuple[Any, Any]] = {
    Kind.TEXT: (str | None, None),
    Kind.ID: (str | Expanded | None, None),
    Kind.INTEGER: (_Integer | None, None),
    Kind.MINOR: (_Integer | None, None),
    Kind.DECIMAL: (str | None, None),
    Kind.BOOLEAN: (bool | None, None),
    Kind.TIME: (Time | None, None),
    Kind.TEXTS: (list[str] | None, None),
    Kind.IDS: (list[str | Expanded] | None, None),
    Kind.MAP: (dict[str, str] | None, None),
    Kind.JSON: (Raw, Raw(b"null")),
}
