"""A Prefect server of this machine, that ends with the process that started it.

Run as a module it is that server: `prefect` with a watch on the process that started it.
"""

import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import flow_runs
from pipelines.errors import ConfigError

# isort: split
from prefect.settings import get_current_settings

READY_WITHIN_S = 180
LOOK_EVERY_S = 0.25
END_WITHIN_S = 20


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """Run a server for as long as the context lasts, and say where its API is.

    Args:
        home: the folder of its state and its log; made if it isn't there.

    Raises:
        ConfigError: its port is taken, its folder can't be used, or it doesn't start.
    """
    server = get_current_settings().server.api
    host, port = server.host, server.port
    _require_free(host, port)
    log = home / "server.log"
    file = _opened(log)
    environ = {**os.environ, "PREFECT_HOME": str(home)}
    environ.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", __name__, "server", "start"]
    with os.fdopen(file, "wb") as written:
        process = subprocess.Popen(  # noqa: S603 -- this Python
            command,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us, who end it last
        )
    reached = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 -- its user's choice
    address = f"http://{reached}:{port}/api"
    try:
        _wait_until_ready(process, address, log)
        yield address
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _opened(log: Path) -> int:
    """Return a descriptor of the log, made anew with its folder."""
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{log.parent} can't be used for the state of Prefect's server ({error.strerror});"
            " move away what is in its place, or set PREFECT_API_URL to a server that runs",
        ) from None


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"{host}:{port} can't be used for Prefect's server ({error.strerror}). If a Prefect"
                f" server runs there, set PREFECT_API_URL=http://{host}:{port}/api to use it; else"
                " set PREFECT_SERVER_API_PORT to a free port",
                key="PREFECT_SERVER_API_PORT",
            ) from None


def _wait_until_ready(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        if flow_runs.answers(address):
            return
        time.sleep(LOOK_EVERY_S)
    raise ConfigError(f"Prefect's server didn't start; {log} says why")


def _end_with_its_parent() -> None:
    """Wait for the end of stdin, which comes when the process that holds it ends, however."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_its_parent, daemon=True).start()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
