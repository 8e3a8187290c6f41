"""`reflatten`: all columns anew from the stored payloads."""

from pathlib import Path

import click

from pipelines.commands.options import common, settings_of
from pipelines.errors import EXIT_REJECTS


@click.command()
@common
def reflatten(*, config_file: Path | None, debug: bool) -> int:
    """Rebuild all columns from the stored payloads; asks the API nothing.

    Tries the rejected sessions again, and counts anew what the columns don't know. Exit 4 if some
    sessions still have no place in the columns.
    """
    from pipelines import display
    from pipelines.forget import leave_nothing
    from pipelines.keys import protection_of
    from pipelines.places import place_of
    from pipelines.publish import check, publish
    from pipelines.warehouse import Warehouse

    settings = settings_of(config_file, debug=debug)
    protection = protection_of(settings)
    place = place_of(settings.warehouse)
    check(settings)
    with display.share("rebuilding") as tell:
        rebuilt = Warehouse(place).reflatten(tell, protection)
    if protection.redact is not None:
        leave_nothing(place)
    publish(settings, anew=True)
    display.show_rebuilt(rebuilt)
    return EXIT_REJECTS if rebuilt.rejected else 0
