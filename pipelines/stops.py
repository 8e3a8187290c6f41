"""What ends a wait when a run is stopped."""

from pipelines.errors import CheckoutsError


class Stopped(CheckoutsError):  # noqa: N818 -- no error: somebody asked for it
    """The run ends, so what waits for its turn is given up."""
