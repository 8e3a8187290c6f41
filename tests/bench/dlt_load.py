"""The same sessions by dlt's own means: its REST source into DuckDB, merged by id.

Runs under an interpreter of its own (`dlt-requirements.txt`): `dlt_load.py URL FOLDER`.
"""

import os
import sys
from typing import Any

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt
from dlt.sources.rest_api import rest_api_source


def main(url: str, folder: str) -> None:
    """Load all sessions, one page at a time, as dlt does."""
    config: dict[str, Any] = {
        "client": {
            "base_url": f"{url}/v1/",
            "auth": {"type": "bearer", "token": "sk_test_bench"},
            "paginator": {
                "type": "cursor",
                "cursor_path": "data[-1:].id",
                "cursor_param": "starting_after",
                "has_more_path": "has_more",
            },
        },
        "resources": [
            {
                "name": "checkout_sessions",
                "primary_key": "id",
                "write_disposition": "merge",
                "endpoint": {
                    "path": "checkout/sessions",
                    "params": {"limit": 100},
                    "data_selector": "data",
                },
            }
        ],
    }
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=f"{folder}/pipelines",
        destination=dlt.destinations.duckdb(f"{folder}/dlt.duckdb"),
        dataset_name="stripe",
    )
    pipeline.run(rest_api_source(config))
    with pipeline.sql_client() as client:
        (rows,) = client.execute_sql("select count(*) from checkout_sessions")[0]
    print(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
