"""`forget`: a person's data erased for good."""

from pathlib import Path

import click

from pipelines.commands.options import common, settings_of
from pipelines.errors import UsageError


@click.command()
@click.option("--customer", "customers", multiple=True, metavar="ID", help="A customer's sessions.")
@click.option("--email", "emails", multiple=True, metavar="E", help="An e-mail address's sessions.")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="One session.")
@common
def forget(
    *,
    customers: tuple[str, ...],
    emails: tuple[str, ...],
    sessions: tuple[str, ...],
    config_file: Path | None,
    debug: bool,
) -> None:
    """Empty the personal fields of a person's sessions, for good.

    In rows, payloads, history and rejects; later reads leave them empty too. Makes the file anew,
    or removes a lake's old files, so that the old bytes are gone, and publishes again. Each option
    can be given several times.
    """
    from pipelines import display
    from pipelines.forget import Who
    from pipelines.forget import forget as erase
    from pipelines.keys import protection_of
    from pipelines.places import place_of
    from pipelines.publish import check, publish

    settings = settings_of(config_file, debug=debug)
    if not customers + emails + sessions or not all(customers + emails + sessions):
        raise UsageError("name whom to forget: --customer ID, --email E or --session ID")
    protection = protection_of(settings)
    place = place_of(settings.warehouse)
    check(settings)
    with display.share("forgetting") as tell:
        count = erase(place, Who(customers, emails, sessions), protection, tell)
    # Where nothing was found, too: what was found before may not have come to the copy.
    publish(settings, anew=count > 0)
    display.show_forgotten(count)
