"""The README's table of what was tried is what the tests try, and what they saw."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from readme_table import table

TESTS = [path.stem for path in Path(__file__).parent.glob("test_*.py")]


def tried_by(test: object) -> Iterator[str]:
    """What a test says that it tries, or what its parameters say."""
    marks = list(getattr(test, "pytestmark", []))
    for mark in marks:
        if mark.name == "parametrize":
            marks += [more for given in mark.args[1] for more in getattr(given, "marks", ())]
    yield from (mark.args[0] for mark in marks if mark.name == "tried")


@pytest.fixture(scope="module")
def what() -> list[str]:
    """What all tests here try, those of `make test-long` too."""
    modules = [vars(importlib.import_module(name)) for name in TESTS]
    return [words for module in modules for test in module.values() for words in tried_by(test)]


def test_the_readmes_table_has_a_row_for_each_thing_tried_and_no_other(what: list[str]) -> None:
    assert sorted(table()) == sorted(what)
