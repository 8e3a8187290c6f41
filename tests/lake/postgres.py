"""A PostgreSQL server of a test's own, from Debian's packages, on loopback."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

USER = "lake"
VARIABLE = "TEST_LAKE_PORT"
"""Where a server for all tests listens; set, tests keep their warehouses in lakes."""


class Postgres:
    """A server whose data are in a folder of their own, gone with `stop`."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        assert found, "no PostgreSQL server; install Debian's package postgresql"
        self._programs = found[-1].parent
        self.folder = Path(tempfile.mkdtemp(prefix="lake-"))
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._run("initdb", "-U", USER, "--auth=trust", "--encoding=UTF8", "-D", self._data)
        self.start()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def _server(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1"
            f" -c unix_socket_directories={self.folder} -c max_connections=300"
        )
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", log, "-o", options)

    def restart(self) -> None:
        """End all connections, and begin anew after a moment."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)
        self.start()

    @property
    def tables(self) -> Path:
        """Where the tables' bytes are."""
        return Path(self._data) / "base"

    def checkpoint(self) -> None:
        """Write all tables out."""
        self._run("psql", *self._server, "-d", "postgres", "-c", "checkpoint")

    def guard(self, user: str, password: str) -> None:
        """Make a user who is asked for a password."""
        file = Path(self._data) / "pg_hba.conf"
        rule = f"host all {user} 127.0.0.1/32 scram-sha-256\n"
        file.write_text(rule + file.read_text())
        role = f"create role {user} superuser login password '{password}'"
        self._run("psql", *self._server, "-d", "postgres", "-c", role)
        self._run("pg_ctl", "reload", "-D", self._data)

    def stop(self) -> None:
        """End it for good."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.getuid() == 0:
            command = [
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                *command,
            ]
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


def make_database(port: int, name: str) -> str:
    """Make a database, if it isn't there, and return the address of a lake in it."""
    server = ["-h", "127.0.0.1", "-p", str(port), "-U", USER]
    done = subprocess.run(["createdb", *server, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "already exists" in done.stderr, done.stderr
    return f"ducklake:postgres:host=127.0.0.1 port={port} user={USER} dbname={name}"
