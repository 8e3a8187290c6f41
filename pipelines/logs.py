"""Log lines on stderr: none by default, where a bar and one line for an error say it all."""

import logging

from pythonjsonlogger.json import JsonFormatter

TEXT = "%(asctime)s %(levelname)s %(message)s"
FIELDS = "%(levelname)s %(name)s %(message)s"


def set_up(log_format: str | None, *, debug: bool) -> None:
    """Say what is logged, and how.

    Args:
        log_format: `text` or `json` for a line a window and a line a failure; None for neither.
        debug: log everything, of all libraries that don't show addresses.
    """
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    for chatty in ("httpx", "httpcore", "asyncio"):  # their lines hold whole addresses
        logging.getLogger(chatty).setLevel(logging.WARNING)
    ours = logging.getLogger("pipelines")
    ours.handlers = [_handler(log_format)] if log_format else []
    ours.propagate = log_format is None
    if debug:
        ours.setLevel(logging.DEBUG)
    else:  # a command prints each failure itself
        ours.setLevel(logging.INFO if log_format else logging.CRITICAL)


def _handler(log_format: str) -> logging.Handler:
    handler = logging.StreamHandler()
    if log_format == "json":
        names = {"levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter(FIELDS, rename_fields=names, timestamp="time"))
    else:
        handler.setFormatter(logging.Formatter(TEXT))
    return handler
