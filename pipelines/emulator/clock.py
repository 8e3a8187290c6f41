"""The emulator's clock: real time from a chosen start, or standing still until moved."""

import time


class Clock:
    """Tells the emulator's time in epoch seconds, UTC.

    Args:
        start: the time to begin at; None is the machine's time.
        frozen: whether only `advance` moves it.
    """

    def __init__(self, start: float | None = None, *, frozen: bool = False) -> None:
        self._base = time.time() if start is None else start
        self._frozen = frozen
        self._began = time.monotonic()

    def now(self) -> float:
        """The emulator's time now, in epoch seconds."""
        if self._frozen:
            return self._base
        return self._base + (time.monotonic() - self._began)

    def advance(self, seconds: float) -> float:
        """Moves the clock forward and says the new time, in epoch seconds.

        Raises:
            ValueError: a negative or endless number of seconds.
        """
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"seconds must be a number from 0 up, not {seconds}")
        self._base += seconds
        return self.now()
