"""What must hold of what is stored; each query of `sql/checks/` returns what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.queries import names, query, title
from pipelines.warehouse import Warehouse

FOLDER = "checks"
MOST_EXAMPLES = 5


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and what contradicts it.

    Attributes:
        name: the query.
        title: what must hold.
        wrong: how many rows contradict it.
        examples: the first of them.
    """

    name: str
    title: str
    wrong: int
    examples: Sequence[Mapping[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` says of it."""
        return {"name": self.name, "wrong": self.wrong, "examples": self.examples}


def run(warehouse: Warehouse) -> list[Check]:
    """Run all checks on one moment of a warehouse.

    Raises:
        WarehouseError: there is no file, or it can't be read.
    """
    with warehouse.reading() as connection:
        found = []
        for name in names(FOLDER):
            rows = connection.sql(query(f"{FOLDER}/{name}")).to_arrow_table()
            examples = rows.slice(0, MOST_EXAMPLES).to_pylist()
            found.append(Check(name, title(f"{FOLDER}/{name}"), rows.num_rows, examples))
        return found


def failed(checks: Sequence[Check]) -> list[Check]:
    """Return the checks that don't hold."""
    return [check for check in checks if check.wrong]
