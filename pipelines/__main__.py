"""`checkouts`, and `python -m pipelines`, which is the same."""

import signal

from pipelines.ending import end_at_once


def main() -> None:
    """Run the command line; a signal that comes before it is there ends the process at once."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, _end)
    from pipelines import cli  # noqa: PLC0415 -- its imports take a tenth of a second

    cli.main()


def _end(*_: object) -> None:
    end_at_once("nothing was changed")


if __name__ == "__main__":
    main()
