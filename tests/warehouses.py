"""Where the tests' warehouses live: in files, or in lakes where a PostgreSQL server is named."""

import hashlib
import os
from pathlib import Path
from typing import Any

from tests.lake.postgres import VARIABLE, make_database


def section(folder: Path, name: str) -> dict[str, Any]:
    """The `warehouse` settings of an installation in a folder; a lake is the folder's own."""
    port = os.environ.get(VARIABLE)
    if port is None:
        return {"path": name}
    database = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    return {"path": make_database(int(port), database), "data_path": f"{name}.lake"}
