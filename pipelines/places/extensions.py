"""DuckDB's extensions that a lake needs: where they are, and how they are loaded."""

import importlib.util
from pathlib import Path

import duckdb

from pipelines.errors import WarehouseError
from pipelines.places.place import CONFIG, first_lines
from pipelines.queries import query

EXTENSIONS = ("postgres_scanner", "ducklake", "httpfs")


def extensions() -> dict[str, str]:
    """Return where each extension that a lake needs is; empty for one that isn't there."""
    with duckdb.connect(config=CONFIG) as connection:
        installed = dict(connection.execute(query("lake/extensions")).fetchall())
    return {name: _packaged(name) or installed.get(name) or "" for name in EXTENSIONS}


def load_extensions(connection: duckdb.DuckDBPyConnection, lake: str) -> None:
    """Load all: each from its package, else from where DuckDB installs it.

    Raises:
        WarehouseError: one isn't there, or isn't for this DuckDB.
    """
    for name in EXTENSIONS:
        try:
            connection.load_extension(_packaged(name) or name)
        except (duckdb.IOException, duckdb.HTTPException, duckdb.InvalidInputException) as error:
            raise WarehouseError(
                f"DuckDB {duckdb.__version__} has no extension {name}, which {lake} needs"
                f" ({first_lines(error)}); `checkouts doctor` tells how to get it",
                path=lake,
            ) from None


def _packaged(extension: str) -> str | None:
    """Return the path of an extension that came as a Python package, for this DuckDB alone."""
    spec = importlib.util.find_spec(f"duckdb_extension_{extension}")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    path = folder / f"{extension}.duckdb_extension"
    return str(path) if path.is_file() else None
