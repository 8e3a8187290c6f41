"""What Prefect reads of the environment when it is imported, so this is imported before it.

Whoever set a variable keeps what they set. An address that is none is refused here: Prefect would
print lines of its own about it, and fail to be imported.
"""

import os
import re
from urllib.parse import urlsplit

from pipelines.errors import ConfigError
from pipelines.routes import without_user

API_URL = "PREFECT_API_URL"
FOR_WORKERS = ("DO_NOT_TRACK", "PREFECT_LOGGING_EXTRA_LOGGERS")
"""The variables that a run in another process needs too."""


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or not re.fullmatch("[!-~]+", address):
        what = f"{without_user(address)!r} is no address" if address.strip() else "it is empty"
        raise ConfigError(
            f"{API_URL}: {what}; set one such as http://127.0.0.1:4200/api, or unset it",
            key=API_URL,
        )


os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
# Its server takes about as long to start as its default timeout.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
# A line a window, among the logs of its run.
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "pipelines")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
if API_URL in os.environ:
    _check_address(os.environ[API_URL])
