"""`checkouts`, and `python -m pipelines`, which is the same."""

from pipelines.ending import end_on_signals


def main() -> None:
    """Run the command line; a signal that comes before it is there ends the process at once."""
    end_on_signals()
    from pipelines import cli  # noqa: PLC0415 -- its imports take a tenth of a second

    cli.main()


if __name__ == "__main__":
    main()
