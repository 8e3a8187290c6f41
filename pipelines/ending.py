"""How the process ends at once. Imports next to nothing, so that it is there before the rest."""

import os


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
