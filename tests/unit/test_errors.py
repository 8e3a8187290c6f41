"""The exception tree as it is documented."""

import pytest

from pipelines import errors

# Design, section 6: exit code and parent of each.
TREE = {
    "UsageError": (2, "CheckoutsError"),
    "ConfigError": (2, "CheckoutsError"),
    "SourceError": (3, "CheckoutsError"),
    "TransientSourceError": (3, "SourceError"),
    "SourceAuthError": (3, "SourceError"),
    "SourceRequestError": (3, "SourceError"),
    "SourceContractError": (3, "SourceError"),
    "WarehouseError": (5, "CheckoutsError"),
    "DifferenceError": (6, "CheckoutsError"),
}


@pytest.mark.parametrize("name", TREE)
def test_an_error_has_its_exit_code_and_its_place_in_the_tree(name: str) -> None:
    kind = getattr(errors, name)
    exit_code, parent = TREE[name]
    assert kind("what").exit_code == exit_code
    assert kind.__base__ is getattr(errors, parent)


def test_the_tree_has_no_other_error() -> None:
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert kinds == {*TREE, "CheckoutsError"}
    assert (errors.EXIT_REJECTS, errors.EXIT_INTERRUPTED) == (4, 130)


@pytest.mark.parametrize("name", TREE)
def test_a_message_is_one_line(name: str) -> None:
    assert getattr(errors, name)("what\n was\t observed ").message == "what was observed"


def test_an_error_carries_what_it_knows_as_data() -> None:
    config = errors.ConfigError("m", key="sync.start", file="config.yaml")
    assert (config.key, config.file) == ("sync.start", "config.yaml")
    source = errors.SourceRequestError("m", status=400, request_id="req_1", code="c", param="p")
    assert (source.status, source.request_id, source.code, source.param) == (400, "req_1", "c", "p")
    transient = errors.TransientSourceError("m", status=429, request_id="req_1", retry_after_s=2.5)
    assert (transient.status, transient.request_id, transient.retry_after_s) == (429, "req_1", 2.5)
    warehouse = errors.WarehouseError("m", path="w.duckdb", holder="duckdb (PID 5)")
    assert (warehouse.path, warehouse.holder) == ("w.duckdb", "duckdb (PID 5)")
    assert errors.DifferenceError("m", counts={"missing": 2}).counts == {"missing": 2}


@pytest.mark.parametrize("name", [name for name in TREE if name != "DifferenceError"])
def test_what_an_error_does_not_know_is_none(name: str) -> None:
    error = getattr(errors, name)("m")
    assert error.request_id is None
    assert not any(vars(error).values())
