"""The SQL of the project, by name: `query("load/classify")` is `sql/load/classify.sql`."""

import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

_HERE = Path(__file__).parent
# In a checkout `sql/` stands beside the package, in an installed wheel inside it.
FOLDER = next(f for f in (_HERE / "sql", _HERE.parent / "sql") if f.is_dir())


@cache
def query(name: str) -> str:
    """Return the text of `sql/<name>.sql`."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def filled(name: str, **values: str) -> str:
    """Return a query with literals in the place of its parameters, where SQL takes none."""
    return re.sub(r"\$(\w+)", lambda found: literal(values[found[1]]), query(name))


def literal(text: str) -> str:
    """Return text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def names(folder: str) -> list[str]:
    """Return the names of the queries in a folder of `sql/`, sorted."""
    return sorted(path.stem for path in (FOLDER / folder).glob("*.sql"))


def in_order(folder: str) -> list[str]:
    """Return the names of the queries in a folder, each behind those whose views it reads."""
    all_names = names(folder)
    reads = {
        name: {o for o in all_names if f"{folder}.{o}" in qualified(f"{folder}/{name}")} - {name}
        for name in all_names
    }
    return [*TopologicalSorter(reads).static_order()]


def qualified(name: str) -> list[str]:
    """Return the qualified names in a query as they come, each once, its comments left out."""
    code = "\n".join(line.split("--")[0] for line in query(name).splitlines())
    return [*dict.fromkeys(re.findall(r"\w+\.\w+", code))]


def title(name: str) -> str:
    """Return the first comment line of a query: what it answers."""
    return query(name).split("\n", 1)[0].removeprefix("--").strip()
