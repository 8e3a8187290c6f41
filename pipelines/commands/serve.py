"""`serve`: the schedule, run by Prefect."""

import sys
from pathlib import Path

import click

from pipelines.commands.options import common, log_option, settings_of


@click.command()
@click.option(
    "--work-pool", metavar="NAME", help="Register for the workers of this pool instead, and end."
)
@log_option
@common
def serve(
    *, work_pool: str | None, log_format: str | None, config_file: Path | None, debug: bool
) -> None:
    """Run syncs by sync.schedule, and backfills on demand, through Prefect, until stopped.

    Uses the Prefect API of PREFECT_API_URL, or starts a server here.
    """
    from pipelines import display
    from pipelines import serve as serving
    from pipelines.keys import require_keys

    settings = settings_of(config_file, debug=debug, log_format=log_format)

    def tell(text: str) -> None:
        display.say(text)
        sys.stdout.flush()

    if work_pool is not None:
        serving.register(settings, work_pool, tell)
        return
    require_keys(settings.chosen())
    serving.serve(settings, tell)
