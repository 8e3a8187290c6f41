"""Every field that the API has is a column, in a child table, or inside a JSON column."""

import csv
import typing
from collections.abc import Iterator
from typing import Any, ForwardRef, Union

import pytest
import stripe
from canned import DATA
from stripe.checkout import Session

from pipelines.children import CHILDREN, LINE_ITEMS, PARTS
from pipelines.columns import Column, Kind, Table
from pipelines.schema import SESSIONS, TABLES

NOT_STORED = {"client_secret"}
# The list itself, whose elements are rows of a table.
LISTED = {table.source.removesuffix(".data") for table in CHILDREN}
TIMES = {"created", "expires_at", "after_expiration.recovery.expires_at", "price.created"}


def documented(name: str) -> dict[str, str]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return {row["path"]: row["type"] for row in csv.DictReader(lines, delimiter="\t")}


OF_SESSIONS = documented("checkout_session_fields.tsv")
OF_LINE_ITEMS = documented("line_item_fields.tsv")


def place(table: Table, path: str) -> Column | None:
    """The column that holds a path: its own, a JSON one above it, or one of a child table."""
    columns = {column.path: column for column in table.fields}
    for at in [*(i for i, char in enumerate(path) if char in ".["), len(path)]:
        column = columns.get(path[:at])
        if column is not None and (column.kind is Kind.JSON or at == len(path)):
            return column
    if table is SESSIONS:
        for child in PARTS:
            if path.startswith(f"{child.source}[]."):
                return place(child, path.removeprefix(f"{child.source}[]."))
    return None


def typed(kind: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    """The paths of an object of the official package, and whether an id may come as an object."""
    for name, annotation in kind.__annotations__.items():
        if name == "OBJECT_NAME":
            continue
        below = f"{path}.{name}" if path else name
        parts = parts_of(annotation)
        if typing.get_origin(parts[0]) is list:
            below, parts = f"{below}[]", parts_of(typing.get_args(parts[0])[0])
        objects = [p for p in parts if isinstance(p, type) and issubclass(p, stripe.StripeObject)]
        inside = bool(objects) and str not in parts
        if inside and (objects[0].__module__ == kind.__module__ or name == "price"):
            yield from typed(objects[0], below)
        else:
            yield below.removesuffix("[]"), bool(objects) and str in parts


def parts_of(annotation: Any) -> list[Any]:
    """What a field may be, besides null."""
    union = typing.get_origin(annotation) is Union
    parts = typing.get_args(annotation) if union else (annotation,)
    return [
        getattr(stripe, part.__forward_arg__, part) if isinstance(part, ForwardRef) else part
        for part in parts
        if part is not type(None)
    ]


def leaves(types: dict[str, str]) -> list[str]:
    """The documented paths that hold a value of their own."""
    return [path for path, kind in types.items() if kind not in ("object", "array of object")]


@pytest.mark.parametrize("path", [p for p in leaves(OF_SESSIONS) if p not in NOT_STORED])
def test_every_documented_field_of_a_session_has_a_place(path: str) -> None:
    assert place(SESSIONS, path) is not None


@pytest.mark.parametrize("path", leaves(OF_LINE_ITEMS))
def test_every_documented_field_of_a_line_item_has_a_place(path: str) -> None:
    assert place(LINE_ITEMS, path) is not None


def test_every_field_of_the_official_packages_session_has_a_place() -> None:
    found = dict(typed(Session))
    assert len(found) > 250
    without = {p for p in found if place(SESSIONS, p) is None} - NOT_STORED - LISTED
    assert without == set()


def test_every_field_of_the_official_packages_line_item_has_a_place() -> None:
    found = dict(typed(stripe.LineItem))
    assert len(found) > 40
    assert {path for path in found if place(LINE_ITEMS, path) is None} == set()


@pytest.mark.parametrize(("table", "kind"), [(SESSIONS, Session), (LINE_ITEMS, stripe.LineItem)])
def test_what_the_official_package_may_send_as_an_object_is_stored_as_an_id(
    table: Table, kind: Any
) -> None:
    expandable = [path for path, may in typed(kind) if may]
    columns = {path: place(table, path) for path in expandable}
    assert len(columns) > (10 if table is SESSIONS else 0)
    assert {
        path
        for path, column in columns.items()
        if column is None or column.kind not in (Kind.ID, Kind.IDS, Kind.JSON)
    } == set()


@pytest.mark.parametrize("table", CHILDREN, ids=lambda table: table.name)
def test_a_child_tables_columns_have_the_types_that_their_fields_are_documented_with(
    table: Table,
) -> None:
    types = OF_LINE_ITEMS if table is LINE_ITEMS else OF_SESSIONS
    prefix = "" if table is LINE_ITEMS else f"{table.source}[]."
    words = {c.path: types[prefix + c.path] for c in table.fields}
    expected = {
        path: "TIMESTAMPTZ"
        if path in TIMES
        else {
            "integer": "BIGINT",
            "boolean": "BOOLEAN",
            "enum True": "BOOLEAN",
            "array of object": "JSON",
            "object map": "JSON" if path == "price.currency_options" else "MAP(VARCHAR, VARCHAR)",
        }.get(kind, "VARCHAR")
        for path, kind in words.items()
    }
    assert {column.path: column.kind.sql for column in table.fields} == expected


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_texts_that_a_column_knows_are_the_documented_ones(table: Table) -> None:
    types = OF_LINE_ITEMS if table is LINE_ITEMS else OF_SESSIONS
    prefix = "" if table in (SESSIONS, LINE_ITEMS) else f"{table.source}[]."
    older = {"ui_mode": {"hosted", "embedded", "custom"}}
    for column in table.fields:
        words = types[prefix + column.path]
        is_text = words.startswith("enum ") and column.kind is Kind.TEXT
        known = set(words.removeprefix("enum ").split("|")) if is_text else set()
        if not column.path.endswith("object"):
            assert column.values == known | older.get(column.path, set()), column.path


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_amount_says_that_it_is_in_the_minor_unit(table: Table) -> None:
    amounts = [column for column in table.columns if column.kind is Kind.MINOR]
    assert all("minor unit" in column.comment for column in amounts)
