"""Processes that are killed at a chosen step of writing to the warehouse.

DuckDB is the real one; only its connections are watched, so that the kill comes at a known step.
"""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import truth_process

DURING_S = 0.0005
"""How long after a step began the kill comes, when it is to come during it, in seconds."""


def killed_at(
    folder: str, arguments: Sequence[str], environ: Mapping[str, str], step: int | str, when: str
) -> None:
    """Run a command line that is killed before, during or after a step of a writing connection.

    Args:
        folder: where.
        arguments: the command line.
        environ: its environment.
        step: the number of the step from 1, or the statement that it executes, or `close`.
        when: `before`, `during` or `after`.
    """
    import duckdb  # noqa: PLC0415 -- not before the process has been forked

    connect = duckdb.connect
    steps = 0

    def doomed(name: str, act: Callable[[], Any]) -> Any:
        nonlocal steps
        steps += 1
        if step not in (steps, name):
            return act()
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if when == "during":
            # Nobody handles its signal, so the kernel ends the process, whatever it is at.
            signal.setitimer(signal.ITIMER_REAL, DURING_S)
        done = act()
        os.kill(os.getpid(), signal.SIGKILL)
        return done

    class Watched:
        """A connection whose steps are counted."""

        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def execute(self, sql: str, *parameters: Any) -> Any:
            return doomed(sql, lambda: self._connection.execute(sql, *parameters))

        def close(self) -> None:
            doomed("close", self._connection.close)

    def watched(*given: Any, read_only: bool = False, **options: Any) -> Any:
        connection = connect(*given, read_only=read_only, **options)
        return connection if read_only else Watched(connection)

    duckdb.connect = watched
    truth_process.command(folder, arguments, environ)
