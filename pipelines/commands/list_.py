"""`list`: one page of the API itself."""

from pathlib import Path
from typing import Any

import click

from pipelines.commands.options import common, json_option, settings_of
from pipelines.errors import UsageError


@click.command("list")
@click.option("--status", type=click.Choice(["open", "complete", "expired"]), help="Its status.")
@click.option("--customer", metavar="ID", help="Its customer.")
@click.option("--customer-account", metavar="ID", help="Its customer's account.")
@click.option("--customer-email", metavar="EMAIL", help="The e-mail its customer gave.")
@click.option("--payment-intent", metavar="ID", help="Its PaymentIntent.")
@click.option("--payment-link", metavar="ID", help="Its Payment Link.")
@click.option("--subscription", metavar="ID", help="Its subscription.")
@click.option("--created", metavar="TIME", help="Created at that second; a date or epoch second.")
@click.option("--created-gt", metavar="TIME", help="Created after.")
@click.option("--created-gte", metavar="TIME", help="Created at or after.")
@click.option("--created-lt", metavar="TIME", help="Created before.")
@click.option("--created-lte", metavar="TIME", help="Created at or before.")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True, help="Most.")
@click.option("--starting-after", metavar="ID", help="Begin behind this session.")
@click.option("--ending-before", metavar="ID", help="End before this session.")
@click.option("--account", metavar="NAME", help="The account to ask; else the first.")
@json_option
@common
def list_(
    *, account: str | None, json_: bool, config_file: Path | None, debug: bool, **filters: Any
) -> None:
    """Ask the API itself for one page of sessions, newest first."""
    from pipelines import cells, display, lists

    settings = settings_of(config_file, debug=debug)
    if None not in (filters["starting_after"], filters["ending_before"]):
        raise UsageError("--starting-after and --ending-before exclude each other; give one")
    bounds = [filters[f"created_{bound}"] for bound in lists.BOUNDS]
    if filters["created"] is not None and any(bound is not None for bound in bounds):
        raise UsageError("--created and its bounds exclude each other; give one or the others")
    chosen = settings.chosen([account] if account else [])[0]
    page = lists.ask(settings, chosen, filters)
    if json_:
        display.say(cells.as_json(page, indent=2))
        return
    display.show_rows(lists.rows(page), lists.COLUMNS, whole="--json")
    if page["has_more"] and page["data"]:
        first, last = page["data"][0]["id"], page["data"][-1]["id"]
        backwards = filters["ending_before"] is not None
        further = f"--ending-before {first}" if backwards else f"--starting-after {last}"
        display.say(f"there are more: add {further}")
