"""`emulator`: Stripe's endpoint on this machine."""

import sys
from pathlib import Path
from typing import Any

import click

from pipelines.commands.options import common, settings_of
from pipelines.errors import UsageError


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4242,
    show_default=True,
    help="Port on 127.0.0.1; 0 for a free one.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another shop.")
@click.option(
    "--sessions",
    type=click.IntRange(0, 10_000_000),
    default=20_000,
    show_default=True,
    help="Sessions of the past.",
)
@click.option(
    "--days", type=click.IntRange(1, 3_650), default=90, show_default=True, help="Days of the past."
)
@click.option(
    "--days-ahead",
    type=click.IntRange(0, 3_650),
    default=7,
    show_default=True,
    help="Days that the shop stays open from now on.",
)
@click.option("--now", metavar="TIME", help="Set the clock: a date, timestamp or epoch second.")
@click.option("--frozen", is_flag=True, help="The clock stands still until it is moved.")
@click.option("--latency-ms", type=click.FloatRange(0, 60_000), default=0, help="Wait, +-30 %.")
@click.option(
    "--requests-per-second",
    type=click.IntRange(0),
    default=0,
    help="Answer 429 above it; 0 for no limit.",
)
@click.option(
    "--late-s",
    type=click.IntRange(0, 3_600),
    default=0,
    help="Some sessions become visible up to N seconds late.",
)
@click.option(
    "--load",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Serve a file's sessions: a list response, or NDJSON.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND=SHARE",
    help="Make requests go wrong: 503=0.3, or the 7th alone: reset@7; repeatable.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Accept only this; repeatable.")
@click.option(
    "--accounts",
    type=click.IntRange(1, 1_000),
    default=1,
    show_default=True,
    help="Accounts with a shop of their own; their keys are sk_test_1, sk_test_2, ...",
)
@common
def emulator(
    *,
    now: str | None,
    faults: tuple[str, ...],
    config_file: Path | None,
    debug: bool,
    **options: Any,
) -> None:
    """Serve Stripe's endpoint locally, with a made-up shop, until stopped.

    To move its clock: curl -X POST 'http://127.0.0.1:4242/_emulator/advance?seconds=3600'
    """
    from pipelines import display
    from pipelines.emulator import app
    from pipelines.emulator.faults import Fault, Faults
    from pipelines.moments import LATEST, usage_second

    settings_of(config_file, debug=debug)

    keys, accounts = options["keys"], options["accounts"]

    def ready(url: str) -> None:
        accepted, example = "any key like sk_test_123 is accepted", "sk_test_123"
        if accounts > 1:
            accepted, example = f"the keys are sk_test_1 to sk_test_{accounts}", "sk_test_1"
        if keys:
            accepted, example = "only the keys given are accepted", keys[0]
        display.say(f"serving {url}, {accepted}; stop with Ctrl-C")
        display.say(f"  export STRIPE_API_KEY={example} CHECKOUTS_STRIPE__BASE_URL={url}")
        sys.stdout.flush()

    moment = usage_second(now, "--now") if now is not None else None
    if moment is not None and not 0 <= moment <= LATEST:
        raise UsageError(f"--now: expected a time from 1970 to the year 9999, got {now!r}")
    try:
        ordered = tuple(Fault.of(text) for text in faults)
        Faults(ordered, options["seed"])
    except ValueError as error:
        raise UsageError(f"--fault: {error}") from None
    try:
        chosen = app.Options(now=moment, faults=ordered, **options)
    except ValueError as error:
        raise UsageError(f"--{error}") from None
    try:
        app.serve(chosen, ready)
    except ValueError as error:
        raise UsageError(f"--load: {error}") from None
    except OSError as error:
        raise UsageError(
            f"--port {options['port']} can't be used ({error.strerror}); choose another, or 0"
        ) from None
