"""A Prefect server of a test's own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

QUIET = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
WITHIN_S = 120


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """Run a server, and say where its API is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, **QUIET, "PREFECT_HOME": str(home)}
    environ.pop("PREFECT_API_URL", None)
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)],
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}/api"
    try:
        until = time.monotonic() + WITHIN_S
        while not _answers(url):
            assert process.poll() is None, (home / "server.log").read_text()
            assert time.monotonic() < until, "Prefect's server does not answer"
            time.sleep(0.25)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=WITHIN_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False
