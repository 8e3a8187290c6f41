"""How the process ends at once. Imports next to nothing, so that it is there before the rest."""

import os
import signal

NOTHING = "nothing was changed"
"""What a command leaves behind that only reads, or that hasn't begun."""


def end_on_signals(left_behind: str = NOTHING) -> None:
    """End the process at once by Ctrl-C or SIGTERM from now on; see `end_at_once`."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: end_at_once(left_behind))


def end_at_once(left_behind: str) -> None:
    """End the process with its one line on stderr; this never returns.

    A signal may come in the middle of an import or of a `print`, so neither is used here.

    Args:
        left_behind: what state that leaves, in words.
    """
    try:
        first = "\n" if os.isatty(2) else ""  # below the ^C that a terminal shows
        os.write(2, f"{first}checkouts: interrupted; {left_behind}\n".encode())
    finally:
        os._exit(130)
