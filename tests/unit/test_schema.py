"""The columns against the fields that Stripe documents."""

import csv

import pytest
from canned import DATA

from pipelines.columns import Kind
from pipelines.schema import SESSIONS

TIMES = {"created", "expires_at", "after_expiration.recovery.expires_at"}
COLUMNS = {column.path: column for column in SESSIONS.fields}

with (DATA / "checkout_session_fields.tsv").open() as lines:
    TYPES = {row["path"]: row["type"] for row in csv.DictReader(lines, delimiter="\t")}


def sql_type(path: str) -> str:
    """Return the type that the data contract gives a documented field."""
    kind = TYPES[path]
    if path in TIMES:
        return "TIMESTAMPTZ"
    if kind in ("object", "array of object"):
        return "JSON"
    if kind.startswith("array"):
        return "VARCHAR[]"
    return {
        "boolean": "BOOLEAN",
        "integer": "BIGINT",
        "object map": "MAP(VARCHAR, VARCHAR)",
    }.get(kind, "VARCHAR")


@pytest.mark.parametrize("path", COLUMNS)
def test_a_column_has_the_type_that_its_field_is_documented_with(path: str) -> None:
    assert COLUMNS[path].kind.sql == sql_type(path)
    assert COLUMNS[path].name == path.replace(".", "_")


@pytest.mark.parametrize("path", COLUMNS)
def test_a_column_takes_an_expanded_id_exactly_where_stripe_may_send_one(path: str) -> None:
    expandable = TYPES[path] in ("id or expanded object", "array of None")
    assert (COLUMNS[path].kind in (Kind.ID, Kind.IDS)) is expandable


@pytest.mark.parametrize("path", [p for p in COLUMNS if TYPES[p] == "integer" and p not in TIMES])
def test_every_amount_says_that_it_is_in_the_minor_unit(path: str) -> None:
    assert "amount" in path
    assert COLUMNS[path].kind is Kind.MINOR
    assert "minor unit" in COLUMNS[path].comment


@pytest.mark.parametrize("column", SESSIONS.columns, ids=lambda column: column.name)
def test_every_column_has_a_comment_of_one_line(column: object) -> None:
    comment = getattr(column, "comment", "")
    assert comment.strip() == comment != ""
    assert "\n" not in comment


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in COLUMNS
        if path.startswith(("customer_details.", "collected_information."))
        and not path.endswith((".country", ".tax_exempt"))
    ],
)
def test_what_a_customer_typed_in_is_personal(path: str) -> None:
    assert COLUMNS[path].personal


@pytest.mark.parametrize(
    "name",
    ["customer", "customer_email", "client_reference_id", "metadata", "payload", "url"],
)
def test_what_may_lead_to_a_person_is_personal_too(name: str) -> None:
    assert next(column for column in SESSIONS.columns if column.name == name).personal
