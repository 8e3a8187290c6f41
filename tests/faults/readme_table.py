"""The README's table of what was tried and what happened."""

from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
HEAD = "| what was tried | what happened |\n|---|---|\n"


def table() -> dict[str, str]:
    """What happened, by what was tried."""
    rows = [row.strip("| ").split(" | ") for row in _parts()[1].splitlines()]
    found = dict(rows)
    assert len(found) == len(rows), "a row is there twice"
    return found


def write(happened: dict[str, str]) -> None:
    """Put what happened into the table; what wasn't tried just now stays."""
    before, _, after = _parts()
    rows = "".join(f"| {what} | {words} |\n" for what, words in (table() | happened).items())
    README.write_text(f"{before}{HEAD}{rows}{after}", encoding="utf-8")


def _parts() -> tuple[str, str, str]:
    """What is before the table, its rows, and what is after it."""
    before, _, rest = README.read_text(encoding="utf-8").partition(HEAD)
    rows, _, after = rest.partition("\n\n")
    return before, rows, f"\n{after}"
