"""Where a warehouse lives: a DuckDB file, or a DuckLake whose catalog is in PostgreSQL.

Nothing outside this package knows the difference but for what it is asked.
"""

from pipelines.places.extensions import extensions
from pipelines.places.file import File
from pipelines.places.lake import Lake
from pipelines.places.place import (
    CONFIG,
    ZSTD,
    Patience,
    Place,
    first_lines,
    let_go,
    without_values,
)
from pipelines.settings import Warehouse

__all__ = [
    "CONFIG",
    "ZSTD",
    "File",
    "Lake",
    "Patience",
    "Place",
    "extensions",
    "first_lines",
    "let_go",
    "place_of",
    "without_values",
]


def place_of(settings: Warehouse) -> Place:
    """Return the place that the settings name."""
    if settings.catalog is None:
        return File(settings.path, settings.lock_timeout_s)
    assert settings.data_path is not None
    return Lake(settings.catalog, settings.data_path, settings.lock_timeout_s)
