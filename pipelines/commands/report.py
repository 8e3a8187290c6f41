"""`report`: a page with plots."""

from pathlib import Path

import click

from pipelines.commands.options import account_option, check_output, common, settings_of
from pipelines.errors import UsageError


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE",
    help="Where the page goes.",
)
@click.option("--from", "from_", metavar="DATE", help="First day of creation; else all.")
@click.option("--to", metavar="DATE", help="First day no longer in it; else all.")
@account_option
@common
def report(
    *,
    output: Path,
    from_: str | None,
    to: str | None,
    accounts: tuple[str, ...],
    config_file: Path | None,
    debug: bool,
) -> None:
    """Write a page with plots: one HTML file that needs no network.

    Days are those of the settings' time zone.
    """
    from pipelines import display, reports
    from pipelines.moments import usage_day

    settings = settings_of(config_file, debug=debug)
    first = usage_day(from_, "--from") if from_ is not None else None
    end = usage_day(to, "--to") if to is not None else None
    if first is not None and end is not None and end <= first:
        raise UsageError(f"--to {end} is not after --from {first}; swap them or name a later --to")
    names = [account.name for account in settings.chosen(accounts)] if accounts else []
    check_output(settings, output)
    page = reports.render(settings, reports.Scope(first, end, names))
    display.write_file(output, page.encode())
    display.say(f"wrote {output}: open it in a browser")
