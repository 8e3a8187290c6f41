"""The SQL of the project, by name: `query("load/classify")` is `sql/load/classify.sql`."""

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
# In a checkout `sql/` stands beside the package, in an installed wheel inside it.
FOLDER = next(f for f in (_HERE / "sql", _HERE.parent / "sql") if f.is_dir())


@cache
def query(name: str) -> str:
    """Return the text of `sql/<name>.sql`."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """Return the names of the queries in a folder of `sql/`, sorted."""
    return sorted(path.stem for path in (FOLDER / folder).glob("*.sql"))


def title(name: str) -> str:
    """Return the first comment line of a query: what it answers."""
    return query(name).split("\n", 1)[0].removeprefix("--").strip()
