"""What a tool with an older DuckDB, as these tests have it, sees of a warehouse in a file."""

import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import yaml

from pipelines.emulator.app import Running
from pipelines.queries import names

PROGRAM = Path(__file__).parents[2] / ".venv" / "bin" / "checkouts"
"""That of `make install`, with the DuckDB that files are made by."""


def test_an_older_duckdb_reads_the_warehouse_and_its_copy_with_all_marts_and_macros(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    assert duckdb.__version__.startswith("1.")
    settings = {
        "stripe": {"base_url": start(sessions=200).url},
        "warehouse": {"path": "warehouse.duckdb"},
        "publish": {"path": "copy.duckdb"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    subprocess.run([PROGRAM, "sync"], cwd=tmp_path, check=True)
    for file in ("warehouse.duckdb", "copy.duckdb"):
        with duckdb.connect(file, read_only=True) as connection:
            for mart in names("marts"):
                connection.execute(f"select count(columns(*)) from marts.{mart}").fetchall()
            found = connection.execute(
                "select count(*), major(1999, 'usd'), major_of_whole(1999, 'kwd')"
                " from sessions_as_of('2030-01-01')"
            ).fetchall()
            assert found == [(200, Decimal("19.99"), Decimal("1.999"))]
