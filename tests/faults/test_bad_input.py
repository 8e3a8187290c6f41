"""Wrong values for every setting, variable and option, made from their own definitions."""

import json
import math
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from installation import KEY, Installation, one_line

from pipelines import config
from pipelines.cli import cli
from pipelines.errors import CheckoutsError, ConfigError
from pipelines.settings import Account, Frozen, Settings

FILE_ONLY = ("accounts",)
SECRETS = ("sk_live_51secret", "rk_test_51secret")

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
surrogates = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"])
"""What Python makes of bytes in the environment that are no UTF-8."""
several = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


def keys() -> Iterator[tuple[str, Any]]:
    """Every setting's dotted key with its type."""
    for name, kind in typing.get_type_hints(Settings, include_extras=True).items():
        if isinstance(kind, type) and issubclass(kind, Frozen):
            for key, inner in typing.get_type_hints(kind, include_extras=True).items():
                yield f"{name}.{key}", inner
        elif name not in ("file", *FILE_ONLY):
            yield name, kind


def account_keys() -> Iterator[tuple[str, Any]]:
    """Every key of an account with its type."""
    yield from typing.get_type_hints(Account, include_extras=True).items()


def plain(kind: Any) -> tuple[Any, list[msgspec.Meta], bool]:
    """A type without its annotations: itself, what bounds it, whether it may be null."""
    metas: list[msgspec.Meta] = []
    nullable = False
    while True:
        if typing.get_origin(kind) is typing.Annotated:
            metas += [m for m in kind.__metadata__ if isinstance(m, msgspec.Meta)]
            kind = kind.__origin__
        elif typing.get_origin(kind) in (typing.Union, types.UnionType):
            nullable = True
            (kind,) = (arm for arm in typing.get_args(kind) if arm is not type(None))
        else:
            return kind, metas, nullable


def outside(kind: Any, metas: list[msgspec.Meta]) -> st.SearchStrategy[Any]:
    """Numbers beyond the bounds that a type has."""
    numbers = st.integers() if kind is int else st.floats(allow_nan=False, allow_infinity=False)
    beyond = [st.nothing()]
    for meta in metas:
        beyond += [
            numbers.filter(lambda n, m=meta: m.ge is not None and n < m.ge),
            numbers.filter(lambda n, m=meta: m.gt is not None and n <= m.gt),
            numbers.filter(lambda n, m=meta: m.le is not None and n > m.le),
            numbers.filter(lambda n, m=meta: m.lt is not None and n >= m.lt),
        ]
        beyond = [
            strategy
            for strategy, bound in zip(
                beyond, [1, meta.ge, meta.gt, meta.le, meta.lt], strict=False
            )
            if bound is not None
        ]
    return st.one_of(beyond)


def wrong(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a file that a setting of this type can't have."""
    kind, metas, nullable = plain(kind)
    lists, objects = st.lists(scalars, max_size=2), st.just({"a": 1})
    nothing = st.nothing() if nullable else st.none()
    if kind in (int, float):
        return st.one_of(outside(kind, metas), st.text(max_size=9), lists, objects, nothing)
    if kind is bool:
        return st.one_of(st.integers(), st.text(max_size=9), lists, objects, nothing)
    if typing.get_origin(kind) is tuple:
        return st.one_of(st.integers(), st.text(max_size=9), objects, nothing, st.just([1]))
    patterns = [meta.pattern for meta in metas if meta.pattern]
    texts = (
        st.text(max_size=20).filter(lambda t: not any(re.search(p, t) for p in patterns))
        if patterns
        else st.nothing()
    )
    return st.one_of(texts, st.integers(), st.booleans(), lists, objects, nothing)


def wrong_text(kind: Any) -> st.SearchStrategy[str]:
    """Values of an environment variable that a setting of this type can't have."""
    kind, metas, nullable = plain(kind)
    words = st.sampled_from(["x", "1;2", "½", "0x10", "1e", "--", "[]", "{}", "nan", "inf", "-inf"])
    if kind in (int, float):
        return st.one_of(outside(kind, metas).map(repr), words)
    if kind is bool:
        return st.sampled_from(["2", "perhaps", "", "yes!", "truefalse", "-1"])
    patterns = [meta.pattern for meta in metas if meta.pattern]
    if patterns:
        return st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20).filter(
            lambda t: (
                not any(re.search(p, t) for p in patterns) and not (nullable and t in ("", "null"))
            )
        )
    return st.just("\0") if kind is Path else st.nothing()


def assert_told(error: CheckoutsError, *names: str) -> None:
    """One line that names what is wrong, and no key."""
    assert error.exit_code == 2
    assert len(error.message) < 600
    assert any(name in error.message for name in names), error.message
    assert not any(secret in error.message for secret in SECRETS)


def tree_of(key: str, value: Any) -> dict[str, Any]:
    section, _, name = key.partition(".")
    return {section: {name: value}} if name else {section: value}


@pytest.mark.parametrize(("key", "kind"), [*keys()])
@several
@given(data=st.data())
def test_a_wrong_value_in_the_file_is_refused_naming_its_key(
    key: str, kind: Any, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    value = data.draw(wrong(kind))
    file = tmp_path_factory.mktemp("wrong") / "config.yaml"
    file.write_text(json.dumps(tree_of(key, value), ensure_ascii=False), encoding="utf-8")
    if value is None and "." not in key:
        return  # an empty section means its defaults
    with pytest.raises(ConfigError) as refused:
        config.load(file, {})
    assert_told(refused.value, key, "YAML")


@pytest.mark.parametrize(("key", "kind"), [*account_keys()])
@several
@given(data=st.data())
def test_a_wrong_value_of_an_account_is_refused_naming_its_key(
    key: str, kind: Any, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    value = data.draw(wrong(kind))
    file = tmp_path_factory.mktemp("wrong") / "config.yaml"
    account = {"name": "eu", key: value}
    file.write_text(json.dumps({"accounts": [account]}, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        config.load(file, {})
    assert_told(refused.value, key, "YAML")


@pytest.mark.parametrize(("key", "kind"), [*keys()])
@several
@given(data=st.data())
def test_a_wrong_variable_is_refused_naming_it(key: str, kind: Any, data: st.DataObject) -> None:
    variable = config.PREFIX + key.upper().replace(".", "__")
    strategy = wrong_text(kind)
    if strategy.is_empty:
        return
    value = data.draw(strategy)
    with pytest.raises(ConfigError) as refused:
        config.load(None, {variable: value})
    assert_told(refused.value, variable, key)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_setting_holds_it_is_taken_or_refused_with_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = [key for key, _ in keys()] + ["accounts", "nonsense", "stripe.key", "stripe", "sync"]
    key = data.draw(st.sampled_from(names))
    value = data.draw(anything | st.sampled_from(SECRETS))
    file = tmp_path_factory.mktemp("any") / "config.yaml"
    file.write_text(json.dumps(tree_of(key, value), ensure_ascii=False), encoding="utf-8")
    try:
        taken = config.load(file, {})
    except ConfigError as error:
        assert_told(error, "config.yaml")
    else:
        assert isinstance(taken, Settings)
        _ = [taken.start_of(account) for account in taken.chosen()], taken.zone


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_whatever_a_variable_holds_it_is_taken_or_refused_with_one_line(
    data: st.DataObject,
) -> None:
    names = [key.upper().replace(".", "__") for key, _ in keys()] + ["ACCOUNTS", "X", "STRIPE"]
    variable = config.PREFIX + data.draw(st.sampled_from(names))
    value = data.draw(st.text(st.characters(exclude_characters="\0") | surrogates, max_size=30))
    try:
        config.load(None, {variable: value})
    except ConfigError as error:
        assert_told(
            error, variable, variable.removeprefix(config.PREFIX).lower().replace("__", ".")
        )


# Options, from what click knows of them.

WRONG_BY_METAVAR = {
    "DATE": ["soon", "2026-13-01", "", "2026-10-01T25:00", "1e3", "99999-01-01"],
    "TIME": ["soon", "2026-13-01", "", "--"],
    "AGE": ["soon", "2", "-2h", "h", "2 weeks ago", ""],
    "K=V": ["k", "=v", ""],
    "KIND=SHARE": ["503", "nonsense=1", "503=2", ""],
}
NEEDED = {
    "backfill": ["--from", "2026-09-01", "--to", "2026-09-02"],
    "sql": ["select 1"],
    "emulator": ["--port", "0"],
}


def wrong_options() -> Iterator[tuple[str, list[str]]]:
    """Every command with each of its options wrong in every way that its type has."""
    for name, command in cli.commands.items():
        needed = NEEDED.get(name, [])
        for arguments in (
            ["--nonsense"],
            ["--config"],
            ["--config", "nowhere.yaml"],
            ["--config="],
        ):
            yield name, [*needed, *arguments]
        yield name, [*needed, "one", "too", "many"]
        for option in command.params:
            if not isinstance(option, click.Option) or option.name == "config_file":
                continue
            for value in wrong_values(option):
                yield name, [*needed, f"{option.opts[-1]}{value}"]


def wrong_values(option: click.Option) -> list[str]:
    """Wrong values of an option, as they follow its name."""
    if option.is_flag:
        return ["=yes"]
    kind = option.type
    if isinstance(kind, click.IntRange | click.FloatRange):
        beyond = [bound for bound in (kind.min, kind.max) if bound is not None]
        numbers = [str(b + step) for b, step in zip(beyond, (-1, 1), strict=False)]
        return [
            "=",
            "=x",
            "=nan!",
            *(f"={n}" for n in numbers),
            *(["=1.5"] * (type(kind) is click.IntRange)),
        ]
    if isinstance(kind, click.Choice):
        return ["=", "=neither"]
    if isinstance(kind, click.File) or (isinstance(kind, click.Path) and kind.exists):
        return ["=nowhere/at/all.txt", "=.", "="]
    if kind is click.INT:
        return ["=", "=x", "=1.5"]
    return [f"={value}" for value in WRONG_BY_METAVAR.get(option.metavar or "", [])]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose API nobody can reach, and which has no warehouse."""
    return Installation(tmp_path_factory.mktemp("place"), "http://127.0.0.1:9")


def assert_refused(place: Installation, *arguments: str, **environ: str | None) -> str:
    """A command that is refused: one line, exit 2, nothing touched."""
    before = sorted(place.folder.rglob("*"))
    done = place.call(*arguments, STRIPE_API_KEY=KEY, **environ)
    assert done.code == 2, done
    assert done.out == ""
    assert sorted(place.folder.rglob("*")) == before
    return one_line(done.err)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_wrong_options_of_every_kind_are_refused(name: str, place: Installation) -> None:
    for command, arguments in wrong_options():
        if command == name:
            line = assert_refused(place, name, *arguments)
            assert "unexpected" not in line or "argument" in line


# The doctor says it on its list of what is bad, as the tests of it show.
@pytest.mark.parametrize("name", sorted(cli.commands.keys() - {"doctor"}))
def test_every_command_refuses_a_wrong_variable_or_file(name: str, place: Installation) -> None:
    needed = NEEDED.get(name, [])
    for variable, value in (("CHECKOUTS_NONSENSE", "1"), ("CHECKOUTS_SYNC__SETTLE_S", "x")):
        assert variable in assert_refused(place, name, *needed, **{variable: value})
    (place.folder / "wrong.yaml").write_text("stripe: {key: x}\n", encoding="utf-8")
    line = assert_refused(place, name, *needed, "--config", "wrong.yaml")
    assert "stripe.key" in line


def test_numbers_that_are_none_are_in_no_range() -> None:
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(ConfigError):
            config.load(None, {"CHECKOUTS_STRIPE__RETRY_FOR_S": repr(value)})


def test_half_a_character_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(r'timezone: "\ud83d"', encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        config.load(file, {})
    assert_told(refused.value, "config.yaml")
