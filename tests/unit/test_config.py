"""Settings from a file and the environment, and the errors that name what is wrong with them."""

import os
import typing
import zoneinfo
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.config import load
from pipelines.errors import ConfigError, UsageError
from pipelines.keys import Key, key_of
from pipelines.moments import moment, usage_moment, usage_second
from pipelines.settings import Account, Frozen, Settings

# The data of the design's section 4, by setting: the default, another value as YAML holds it, the
# same as an environment variable, and what both must be read as. A path is relative to FOLDER.
FOLDER = Path("/the/folder")
DEFAULT, FILE, VARIABLE, READ = range(4)
TABLE: dict[str, tuple[Any, Any, str, Any]] = {
    "stripe.base_url": (
        "https://api.stripe.com",
        "https://proxy.example.com/stripe/",
        "https://proxy.example.com/stripe/",
        "https://proxy.example.com/stripe",
    ),
    "stripe.api_version": ("2026-10-28.endive", "2020-08-27", "2020-08-27", "2020-08-27"),
    "stripe.requests_per_second": (25, 0.5, "0.5", 0.5),
    "stripe.line_items": (True, False, "false", False),
    "stripe.retry_for_s": (300, 0, "0", 0),
    "warehouse.path": (
        FOLDER / "data/checkouts.duckdb",
        "a/b.duckdb",
        "a/b.duckdb",
        FOLDER / "a/b.duckdb",
    ),
    "warehouse.data_path": (None, "s3://shop/lake", "s3://shop/lake", "s3://shop/lake"),
    "warehouse.lock_timeout_s": (60, 2.5, "2.5", 2.5),
    "sync.start": ("2019-01-01", "2024-02-29", "2024-02-29", "2024-02-29"),
    "sync.settle_s": (60, 0, "0", 0),
    "sync.late_payment_days": (62, 14, "14", 14),
    "sync.reread_ratio": (0.02, 0, "0", 0),
    "sync.schedule": ("*/15 * * * *", "0 6 * * 1", "0 6 * * 1", "0 6 * * 1"),
    "sync.overlap": ("skip", "wait", "wait", "wait"),
    "run.task_runner": ("threads", "dask", "dask", "dask"),
    "run.workers": (16, 3, "3", 3),
    "run.dask_address": (None, "tcp://dask:8786", "tcp://dask:8786", "tcp://dask:8786"),
    "timezone": ("UTC", "Europe/Berlin", "Europe/Berlin", "Europe/Berlin"),
    "publish.path": (None, "r.duckdb", "r.duckdb", FOLDER / "r.duckdb"),
    "publish.parquet": (None, "out", "out", FOLDER / "out"),
    "privacy.drop": ((), ["customer_email"], "customer_email", ("customer_email",)),
    "privacy.hash": (
        (),
        ["customer", "metadata.user"],
        "customer, metadata.user,",
        ("customer", "metadata.user"),
    ),
}


def keys_of(section: type, prefix: str = "") -> Iterator[str]:
    """Return every setting that the definitions have, by its dotted path."""
    for name, kind in typing.get_type_hints(section).items():
        if isinstance(kind, type) and issubclass(kind, Frozen):
            yield from keys_of(kind, f"{name}.")
        elif prefix + name not in ("accounts", "file"):
            yield prefix + name


def variable(key: str) -> str:
    return "CHECKOUTS_" + key.upper().replace(".", "__")


def tree_of(key: str, value: Any) -> dict[str, Any]:
    tree = value
    for name in reversed(key.split(".")):
        tree = {name: tree}
    return typing.cast("dict[str, Any]", tree)


def get(value: Any, key: str) -> Any:
    for name in key.split("."):
        value = getattr(value, name)
    return value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder with no config.yaml in or above it, as the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def from_file(folder: Path, content: Any, environ: dict[str, str] | None = None) -> Settings:
    """Return the settings of a file with this text, or with this tree as YAML."""
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return load(None, environ or {})


def placed(value: Any, folder: Path) -> Any:
    return folder / value.relative_to(FOLDER) if isinstance(value, Path) else value


def attempt(folder: Path, content: Any, environ: dict[str, str] | None = None) -> Settings | str:
    """Return the settings, or what a ConfigError said instead."""
    try:
        return from_file(folder, content, environ)
    except ConfigError as error:
        return str(error)


def refused(error: pytest.ExceptionInfo[ConfigError]) -> str:
    """Return an error's message, which is one line."""
    assert type(error.value) is ConfigError
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2
    assert "regex" not in str(error.value)
    return str(error.value)


def test_the_table_of_this_test_has_every_setting_there_is() -> None:
    assert list(keys_of(Settings)) == list(TABLE)


@pytest.mark.parametrize("key", TABLE)
def test_a_setting_that_is_left_out_has_its_documented_default(folder: Path, key: str) -> None:
    assert get(load(None, {}), key) == placed(TABLE[key][DEFAULT], folder)


def test_by_default_there_are_no_accounts_and_no_file(folder: Path) -> None:
    found = load(None, {})
    assert found.accounts == ()
    assert found.file is None
    assert [account.name for account in found.chosen()] == ["default"]
    assert found.chosen()[0].key_env == "STRIPE_API_KEY"
    assert not (folder / "data").exists()


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "---\n", "{}", "null"])
def test_an_empty_file_means_the_defaults(folder: Path, text: str) -> None:
    without_file = load(None, {})
    found = from_file(folder, text)
    assert found.file == folder / "config.yaml"
    assert msgspec.structs.replace(found, file=None) == without_file


@pytest.mark.parametrize(
    "name", ["stripe", "accounts", "warehouse", "sync", "timezone", "publish", "privacy"]
)
def test_a_key_that_is_left_empty_means_its_default(folder: Path, name: str) -> None:
    left_empty, empty = from_file(folder, f"{name}:\n"), from_file(folder, "")
    assert left_empty == empty


@pytest.mark.parametrize("key", TABLE)
def test_the_file_sets_every_setting(folder: Path, key: str) -> None:
    _, value, _, read = TABLE[key]
    found = from_file(folder, tree_of(key, value))
    assert get(found, key) == placed(read, folder)
    for other in TABLE:
        if other != key:
            assert get(found, other) == placed(TABLE[other][DEFAULT], folder)


@pytest.mark.parametrize("key", TABLE)
def test_the_environment_sets_every_setting(folder: Path, key: str) -> None:
    found = load(None, {variable(key): TABLE[key][VARIABLE]})
    assert get(found, key) == placed(TABLE[key][READ], folder)


@pytest.mark.parametrize("key", TABLE)
def test_the_environment_stands_above_the_file(folder: Path, key: str) -> None:
    default, value, text, read = TABLE[key]
    in_file = str(default.relative_to(FOLDER)) if isinstance(default, Path) else default
    found = from_file(folder, tree_of(key, in_file), {variable(key): text})
    assert get(found, key) == placed(read, folder)
    assert get(from_file(folder, tree_of(key, value)), key) == placed(read, folder)


@pytest.mark.parametrize("text", ["", "null"])
@pytest.mark.parametrize("key", ["publish.path", "publish.parquet"])
def test_an_optional_setting_is_unset_by_an_empty_variable(
    folder: Path, key: str, text: str
) -> None:
    assert get(from_file(folder, tree_of(key, "x"), {variable(key): text}), key) is None


def test_the_environment_of_other_programs_is_left_alone(folder: Path) -> None:
    others = {"STRIPE_API_KEY": "x", "CHECKOUTSX": "1", "CHECKOUTS_PRIVACY_KEY": "k", "PATH": "/"}
    assert load(None, others) == load(None, {})
    assert load(None, others).warehouse.path == folder / "data/checkouts.duckdb"


def test_a_file_is_found_upward_from_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    (folder / "config.yaml").write_text("timezone: Asia/Tokyo\nwarehouse: {path: w.duckdb}")
    monkeypatch.chdir(deep)
    found = load(None, {})
    assert (found.timezone, found.file) == ("Asia/Tokyo", folder / "config.yaml")
    assert found.warehouse.path == folder / "w.duckdb"


def test_a_file_that_is_named_counts_and_its_folder_holds_the_relative_paths(
    folder: Path,
) -> None:
    (folder / "config.yaml").write_text("timezone: Asia/Tokyo")
    (folder / "sub").mkdir()
    (folder / "sub" / "my.yaml").write_text("warehouse: {path: ../w.duckdb}")
    found = load(Path("sub/my.yaml"), {})
    assert found.timezone == "UTC"
    assert found.warehouse.path == folder / "sub" / ".." / "w.duckdb"


def test_behind_a_link_the_folder_is_still_the_one_that_was_named(folder: Path) -> None:
    # As Kubernetes mounts it: a link into a folder that changes with every version.
    (folder / "..2026").mkdir()
    (folder / "..2026" / "config.yaml").write_text("")
    (folder / "config.yaml").symlink_to("..2026/config.yaml")
    assert load(None, {}).warehouse.path == folder / "data/checkouts.duckdb"


def test_a_path_may_be_absolute_or_start_at_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert from_file(folder, "warehouse: {path: /w/a.duckdb}").warehouse.path == Path("/w/a.duckdb")
    assert from_file(folder, "warehouse: {path: ~/a.duckdb}").warehouse.path == Path(
        "/home/ada/a.duckdb"
    )
    in_variable = load(None, {"CHECKOUTS_WAREHOUSE__PATH": "~/a.duckdb"})
    assert in_variable.warehouse.path == Path("/home/ada/a.duckdb")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("strpe: {}", "strpe"),
        ("strpe:", "strpe"),
        ("stripe: {api_key: x}", "stripe.api_key"),
        ("sync: {Start: 2019-01-01}", "sync.Start"),
        ("accounts: [{name: a}, {name: b, keyenv: c}]", "accounts[1].keyenv"),
        ("file: config.yaml", "file"),
        ("1: 2", "'1'"),
        ('"": 2', "''"),
        ('"a\\nb": 2', "'a\\nb'"),
        ('stripe: {"\\n": 2}', "'stripe.\\n'"),
        ("'`': 2", "'`'"),
        ("$x: 2", "'$x'"),
        ("'a` - at `$.b`': 2", "'a"),
        ("sync: {'a` - at `$.b': 2}", "'sync.a"),
        ("stripe: {1: 2}", "'stripe.1'"),
        ("accounts: [{true: a}]", "'accounts[0].True'"),
    ],
)
def test_a_key_that_is_not_known_is_an_error(folder: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as error:
        from_file(folder, text)
    message = refused(error)
    assert message.startswith(f"{folder / 'config.yaml'}: ")
    assert key in message
    assert error.value.file == str(folder / "config.yaml")


@pytest.mark.parametrize(
    "name",
    [
        "CHECKOUTS_STRPE__BASE_URL",
        "CHECKOUTS_STRIPE__BASEURL",
        "CHECKOUTS_STRIPE_BASE_URL",
        "CHECKOUTS_STRIPE",
        "CHECKOUTS_BASE_URL",
        "CHECKOUTS_SYNC__START__X",
        "CHECKOUTS_TIMEZONE__X",
        "CHECKOUTS_ACCOUNTS",
        "CHECKOUTS_ACCOUNTS__NAME",
        "CHECKOUTS_FILE",
        "CHECKOUTS_",
        "CHECKOUTS___",
    ],
)
def test_a_variable_that_names_no_setting_is_an_error(folder: Path, name: str) -> None:
    with pytest.raises(ConfigError) as error:
        from_file(folder, "", {name: "https://secret.example"})
    assert name in refused(error)
    assert "secret" not in refused(error)


# Setting, wrong value as YAML, what of it the message shows.
WRONG = [
    ("stripe", "5", "5"),
    ("stripe", "[]", "a list"),
    ("stripe.base_url", "5", "5"),
    ("stripe.base_url", "null", "None"),
    ("stripe.base_url", "{}", "keys with values"),
    ("stripe.base_url", "api.stripe.com", "'api.stripe.com'"),
    ("stripe.base_url", "ftp://api.stripe.com", "'ftp://api.stripe.com'"),
    ("stripe.base_url", "https://", "'https:"),
    ("stripe.base_url", "https://a:65536", "'https://a:65536'"),
    ("stripe.base_url", "https://[::1", "'https://[::1'"),
    ("stripe.base_url", "https://300.1.1.1", "'https://300.1.1.1'"),
    ("stripe.base_url", "https://a.example?x=1", "'https://a.example?x=1'"),
    ("stripe.base_url", "https://a.example?", "'https://a.example?'"),
    ("stripe.base_url", "https://a.example/#x", "'https://a.example/#x'"),
    ("stripe.base_url", "https://a b.example", "'https://a b.example'"),
    ("stripe.base_url", '"https://a.example\\n"', "'https://a.example\\n'"),
    ("stripe.base_url", "https://bücher.example", "'https://bücher.example'"),
    ("stripe.api_version", "latest", "'latest'"),
    ("stripe.api_version", '"2026-10-28\\nX-Evil: 1"', "'2026-10-28\\nX-Evil: 1'"),
    ("stripe.api_version", '"2026-10-28\\n"', "'2026-10-28\\n'"),
    ("stripe.requests_per_second", "0", "0"),
    ("stripe.requests_per_second", "-1", "-1"),
    ("stripe.requests_per_second", "10001", "10001"),
    ("stripe.requests_per_second", ".nan", "nan"),
    ("stripe.requests_per_second", ".inf", "inf"),
    ("stripe.requests_per_second", "fast", "'fast'"),
    ("stripe.line_items", "1", "1"),
    ("stripe.line_items", '"yes"', "'yes'"),
    ("stripe.retry_for_s", "-0.1", "-0.1"),
    ("stripe.retry_for_s", ".nan", "nan"),
    ("warehouse.path", "3", "3"),
    ("warehouse.path", "'  '", "'  '"),
    ("warehouse.path", '""', "''"),
    ("warehouse.path", '"a\\0b"', "'a\\x00b'"),
    ("warehouse.path", "~no-such-user/x", "'~no-such-user/x'"),
    ("warehouse.lock_timeout_s", "-1", "-1"),
    ("warehouse.lock_timeout_s", "1m", "'1m'"),
    ("sync.start", "5", "5"),
    ("sync.start", "yesterday", "'yesterday'"),
    ("sync.start", "2019-02-30", "'2019-02-30'"),
    ("sync.start", "2019-13-01", "'2019-13-01'"),
    ("sync.start", '""', "''"),
    ("sync.settle_s", "true", "True"),
    ("sync.settle_s", "1.5", "1.5"),
    ("sync.settle_s", '"60"', "'60'"),
    ("sync.settle_s", "-1", "-1"),
    ("sync.late_payment_days", "-1", "-1"),
    ("sync.late_payment_days", "1e3", "'1e3'"),
    ("sync.reread_ratio", "1", "1"),
    ("sync.reread_ratio", "-0.01", "-0.01"),
    ("sync.schedule", "hourly", "'hourly'"),
    ("sync.schedule", "99 * * * *", "'99 * * * *'"),
    ("sync.overlap", "queue", "'queue'"),
    ("sync.schedule", '"* * * * * *"', "'* * * * * *'"),
    ("timezone", "Mars/Olympus", "'Mars/Olympus'"),
    ("timezone", "Europe", "'Europe'"),
    ("timezone", '""', "''"),
    ("timezone", "../../etc/passwd", "'../../etc/passwd'"),
    ("timezone", "3", "3"),
    ("privacy.drop", "email", "'email'"),
    ("privacy.drop", "[1]", "1"),
    ("privacy.hash", "[[a]]", "a list"),
    ("accounts", "{name: a}", "keys with values"),
    ("accounts", "[a]", "'a'"),
    ("accounts", "[{key_env: A}]", "name"),
    ("accounts", '[{name: ""}]', "''"),
    ("accounts", "[{name: a b}]", "'a b'"),
    ("accounts", "[{name: ../a}]", "'../a'"),
    ("accounts", '[{name: "a\\n"}]', "'a\\n'"),
    ("accounts", "[{name: a, key_env: A-B}]", "'A-B'"),
    ("accounts", "[{name: a, stripe_account: eu}]", "'eu'"),
    ("accounts", '[{name: a, stripe_account: "acct_1\\n"}]', "'acct_1\\n'"),
    ("accounts", "[{name: a, start: soon}]", "'soon'"),
    ("accounts", "[{name: a, start: 2019-13-01}]", "'2019-13-01'"),
    ("accounts", "[{name: a, requests_per_second: 0}]", "0"),
]


def test_every_time_zone_taken_is_one_that_duckdb_knows(folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("select name from pg_timezone_names()")
        known = {name for (name,) in connection.fetchall()}
    taken = set()
    for name in sorted(zoneinfo.available_timezones() | known):
        try:
            taken.add(from_file(folder, "", {"CHECKOUTS_TIMEZONE": name}).timezone)
        except ConfigError:
            continue
    assert len(taken) > 500
    assert taken <= known


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "posix/Europe/Berlin", "right/Europe/Berlin"]
)
def test_a_time_zone_that_only_this_machine_knows_is_refused(folder: Path, name: str) -> None:
    zones = folder / "zones"
    (zones / name).parent.mkdir(parents=True)
    berlin = (resources.files("tzdata") / "zoneinfo" / "Europe" / "Berlin").read_bytes()
    (zones / name).write_bytes(berlin)
    zoneinfo.reset_tzpath([zones])
    try:
        with pytest.raises(ConfigError) as error:
            from_file(folder, f"timezone: {name}")
    finally:
        zoneinfo.reset_tzpath()
    message = refused(error)
    assert message.startswith(f"{folder / 'config.yaml'}: timezone: '{name}' ")
    assert "Europe/Berlin" in message


@pytest.mark.parametrize(("key", "value", "shown"), WRONG)
def test_a_value_that_does_not_fit_is_an_error_that_names_key_and_value(
    folder: Path, key: str, value: str, shown: str
) -> None:
    section, _, name = key.partition(".")
    with pytest.raises(ConfigError) as error:
        from_file(folder, f"{section}:\n  {name}: {value}" if name else f"{section}: {value}")
    message = refused(error)
    assert message.startswith(f"{folder / 'config.yaml'}: {key}")
    assert shown in message
    assert error.value.file == str(folder / "config.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stripe: {api_version: newest}", "expected a version such as 2026-10-28.endive"),
        ("accounts: [{name: a b}]", "expected up to 64 letters, digits"),
        ("accounts: [{name: a, key_env: A-B}]", "expected the name of an environment variable"),
        ("accounts: [{name: a, stripe_account: eu}]", "expected an account of Stripe's such as"),
        ("run: {dask_address: dask}", "expected a Dask scheduler's address such as tcp://dask"),
        ("accounts: [{key_env: A}]", "accounts[0]: the key 'name' is missing"),
        ("accounts: [{name: a}, {name: b, start: x}]", "accounts[1].start: expected a date"),
    ],
)
def test_what_a_text_must_look_like_is_said_in_words(folder: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        from_file(folder, text)
    assert words in refused(error)


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("sync: {settle_s: 1}\nstripe: {}\nsync: {start: 2020-01-01}", "sync", 3),
        ("stripe:\n  line_items: true\n  line_items: false", "line_items", 3),
        ("accounts: [{name: a, name: b}]", "name", 1),
        ("timezone: UTC\n'timezone': UTC", "timezone", 2),
    ],
)
def test_a_key_that_is_there_twice_is_refused(
    folder: Path, text: str, name: str, line: int
) -> None:
    with pytest.raises(ConfigError) as error:
        from_file(folder, text)
    message = refused(error)
    assert message.startswith(f"{folder / 'config.yaml'}: '{name}' is there twice")
    assert f"line {line};" in message
    assert error.value.file == str(folder / "config.yaml")


def test_a_key_above_one_that_is_merged_in_is_not_there_twice(folder: Path) -> None:
    found = from_file(
        folder,
        "accounts:\n- &eu {name: eu, key_env: EU}\n- &us {<<: *eu, name: us}\n"
        "- {<<: *us, name: asia}",
    )
    assert [(a.name, a.key_env) for a in found.accounts] == [
        ("eu", "EU"),
        ("us", "EU"),
        ("asia", "EU"),
    ]


# The same for variables, which are text by nature.
@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("stripe.base_url", ""),
        ("stripe.base_url", "http://api.stripe.com"),
        ("stripe.api_version", "x"),
        ("stripe.requests_per_second", "nan"),
        ("stripe.requests_per_second", ""),
        ("stripe.line_items", "yes"),
        ("stripe.retry_for_s", "5m"),
        ("warehouse.path", ""),
        ("warehouse.path", "~no-such-user/x"),
        ("sync.start", "soon"),
        ("sync.settle_s", "1.5"),
        ("sync.settle_s", "null"),
        ("sync.reread_ratio", "1"),
        ("sync.schedule", "\udcff"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "\udcff"),
    ],
)
def test_a_variable_that_does_not_fit_is_an_error_that_names_variable_and_value(
    folder: Path, key: str, text: str
) -> None:
    with pytest.raises(ConfigError) as error:
        from_file(folder, "", {variable(key): text})
    message = refused(error)
    assert message.startswith(variable(key))
    assert repr(text) in message
    message.encode()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a: [", "not valid YAML (line 1)"),
        (b"a: 1\nb: :\n  - c\n d", "not valid YAML (line"),
        (b"\x01", "not valid YAML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"- a\n- b", "must hold keys and values"),
        (b"just text", "must hold keys and values"),
        (b"7", "must hold keys and values"),
        (b"stripe: !!python/object/apply:os.system [x]", "not valid YAML (line 1)"),
        (b"sync: {start: !!timestamp 2019-02-30}", "not valid YAML"),
        (b"sync: {settle_s: !!int x}", "not valid YAML"),
        (b"? [a]\n: b", "not valid YAML"),
        (b"a: " + b"[" * 5_000, "not valid YAML"),
        (b"sync: &a {start: *a}", "sync.start"),
        (b"accounts: &a [*a]", "accounts[0]"),
    ],
)
def test_a_file_that_holds_no_settings_is_an_error(folder: Path, content: bytes, what: str) -> None:
    (folder / "config.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load(None, {})
    assert refused(error).startswith(f"{folder / 'config.yaml'}: ")
    assert what in refused(error)


def test_a_file_that_is_named_must_be_there_and_be_a_file(folder: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load(folder / "other.yaml", {})
    assert refused(error) == f"{folder / 'other.yaml'}: {os.strerror(2)}"
    with pytest.raises(ConfigError) as error:
        load(folder, {})
    assert str(folder) in refused(error)


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("a`$.[]\n1 ", max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
any_key = st.sampled_from([*TABLE, "stripe", "accounts", "other", "sync.other"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_key, yaml_values)
def test_no_value_is_an_error_of_another_kind(folder: Path, key: str, value: Any) -> None:
    found = attempt(folder, tree_of(key, value))
    if isinstance(found, str):
        assert "\n" not in found
        assert key.partition(".")[0] in found
    else:
        assert key not in ("other", "sync.other")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(TABLE)), st.text(max_size=8))
def test_no_variable_is_an_error_of_another_kind(folder: Path, key: str, text: str) -> None:
    found = attempt(folder, "", {variable(key): text})
    assert isinstance(found, Settings) or (variable(key) in found and "\n" not in found)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:12111",
        "http://localhost:8000",
        "http://LOCALHOST",
        "http://[::1]:5",
        "https://api.stripe.com",
        "https://127.0.0.1",
    ],
)
def test_plain_http_may_go_to_this_machine_and_https_anywhere(folder: Path, url: str) -> None:
    assert from_file(folder, {"stripe": {"base_url": url}}).stripe.base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.stripe.com",
        "HTTP://api.stripe.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::2]",
        "http://example.com/127.0.0.1",
        "http://example.com:80",
    ],
)
def test_plain_http_to_another_machine_is_refused(folder: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="plain http"):
        from_file(folder, {"stripe": {"base_url": url}})


SECRET = "sk_live_51HQqZ2eZvKYlo2C"


@pytest.mark.parametrize(
    "tree",
    [
        {"stripe": {"base_url": f"https://{SECRET}@api.stripe.com"}},
        {"stripe": {"base_url": f"https://{SECRET}:@api.stripe.com"}},
        {"stripe": {"base_url": f"http://{SECRET}@127.0.0.1@example.com"}},
        {"stripe": {"base_url": f"{SECRET}@api.stripe.com"}},
        {"stripe": {"api_version": SECRET}},
        {"stripe": {"api_key": SECRET}},
        {"stripe": {"line_items": SECRET}},
        {"stripe": SECRET},
        {"stripe_api_key": SECRET},
        {"timezone": SECRET},
        {"sync": {"schedule": SECRET, "start": "2019-01-01"}},
        {"sync": {"start": SECRET}},
        {"accounts": [{"name": "a", "key_env": SECRET}]},
        {"accounts": [{"name": "a", "key_env": SECRET.replace("sk_", "rk_")}]},
        {"accounts": [{"name": "a", "stripe_account": SECRET}]},
        {"accounts": [SECRET]},
    ],
)
def test_a_key_in_the_wrong_place_is_refused_and_not_shown(
    folder: Path, tree: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as error:
        from_file(folder, tree)
    assert "51HQqZ2eZvKYlo2C" not in refused(error)
    for key, value in tree.items():
        if isinstance(value, dict) and key == "stripe":
            ((name, text),) = value.items()
            with pytest.raises(ConfigError) as error:
                from_file(folder, "", {f"CHECKOUTS_STRIPE__{name.upper()}": text})
            assert "51HQqZ2eZvKYlo2C" not in refused(error)


def test_accounts_have_names_of_their_own(folder: Path) -> None:
    with pytest.raises(ConfigError) as error:
        from_file(folder, "accounts: [{name: eu}, {name: us}, {name: eu}]")
    assert "accounts" in refused(error)
    assert "'eu'" in refused(error)


def test_an_account_may_differ_in_start_and_rate_from_the_general_settings(folder: Path) -> None:
    found = from_file(
        folder,
        """
        stripe: {requests_per_second: 10}
        sync: {start: 2020-01-01}
        accounts:
          - {name: eu, key_env: STRIPE_KEY_EU, stripe_account: acct_1A, start: 2021-01-01,
             requests_per_second: 2}
          - {name: us, stripe_account: null, start: null, requests_per_second: null}
        """,
    )
    eu, us = found.chosen()
    assert eu == Account(
        name="eu",
        key_env="STRIPE_KEY_EU",
        stripe_account="acct_1A",
        start="2021-01-01",
        requests_per_second=2,
    )
    assert (found.start_of(eu), found.rate_of(eu)) == (1_609_459_200, 2)
    assert (found.start_of(us), found.rate_of(us)) == (1_577_836_800, 10)
    assert us.key_env == "STRIPE_API_KEY"


def test_accounts_are_chosen_by_name_once_each_in_the_order_asked_for(folder: Path) -> None:
    found = from_file(folder, "accounts: [{name: eu}, {name: us}]")
    assert [account.name for account in found.chosen()] == ["eu", "us"]
    assert [account.name for account in found.chosen(["us", "eu", "us"])] == ["us", "eu"]
    with pytest.raises(ConfigError) as error:
        found.chosen(["eu", "asia"])
    assert "'asia'" in refused(error)
    assert "eu, us" in refused(error)


def test_a_key_comes_from_the_variable_that_the_account_names() -> None:
    environ = {"STRIPE_API_KEY": "sk_test_1", "STRIPE_KEY_EU": " rk_live_2\n"}
    assert key_of(Account(name="default"), environ).value == "sk_test_1"
    assert key_of(Account(name="eu", key_env="STRIPE_KEY_EU"), environ).value == "rk_live_2"


@pytest.mark.parametrize("environ", [{}, {"KEY_EU": ""}, {"KEY_EU": " \n"}])
def test_a_key_that_is_not_set_is_an_error_that_names_the_variable(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as error:
        key_of(Account(name="eu", key_env="KEY_EU"), environ)
    assert "KEY_EU is not set" in refused(error)
    assert error.value.key == "KEY_EU"


@pytest.mark.parametrize(
    "value",
    [f"{SECRET} x", f"{SECRET}\nX-Evil: 1", f"{SECRET}é", f"\u200b{SECRET}", f"{SECRET}\udcff",
     f"{SECRET}\0", SECRET * 30],
)  # fmt: skip
def test_what_cannot_be_a_key_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(ConfigError) as error:
        key_of(Account(name="eu", key_env="KEY_EU"), {"KEY_EU": value})
    assert "KEY_EU" in refused(error)
    assert "51HQqZ2eZvKYlo2C" not in refused(error)


def test_a_key_shows_itself_to_nobody() -> None:
    key = Key(SECRET)
    shown = [repr(key), str(key), f"{key}", f"{key!r:>40}", repr([key]), repr({"k": key})]
    assert not any("51HQ" in text for text in shown)
    assert key.value == SECRET


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("1970-01-01", 0),
        ("2019-01-01", 1_546_300_800),
        (" 2019-01-01 ", 1_546_300_800),
        ("2019-01-01T00:00:00", 1_546_300_800),
        ("2019-01-01 00:00", 1_546_300_800),
        ("2019-01-01T00:00:00Z", 1_546_300_800),
        ("2019-01-01T02:00:00+02:00", 1_546_300_800),
        ("2018-12-31T18:30:00-05:30", 1_546_300_800),
        ("2019-01-01T00:00:00.000000", 1_546_300_800),
        ("2019-01-01T00:00:00.000001", 1_546_300_801),
        ("2019-01-01T00:00:00.5", 1_546_300_801),
        ("2019-01-01T02:00:00.999999+02:00", 1_546_300_801),
        ("2019-01-01T00:00:00+00:00:01.500000", 1_546_300_799),
        ("1969-12-31T23:59:58.5", -1),
        ("1969-12-31T23:59:59.5", 0),
        ("2024-02-29", 1_709_164_800),
    ],
)
def test_a_moment_is_its_second_in_utc_with_fractions_rounded_up(text: str, second: int) -> None:
    assert moment(text) == second


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 -- as typed
def test_a_moment_is_the_first_whole_second_that_is_not_before_it(at: datetime) -> None:
    exact = (at - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 -- as typed
    assert moment(at.isoformat()) - 1 < exact <= moment(at.isoformat())


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2019-02-30", "2019-13-01", "2019", "2019-01-01T25:00", "1546300800"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the settings and commands say it in words
        moment(text)
    with pytest.raises(UsageError) as error:
        usage_moment(text, "--from")
    assert str(error.value).startswith("--from: ")
    assert repr(text) in str(error.value)


def test_a_time_on_the_command_line_may_be_a_second_or_a_date() -> None:
    assert usage_second("1546300800", "--created-gt") == 1_546_300_800
    assert usage_second("-5", "--created-gt") == -5
    assert usage_second("-500", "--created-gt") == -500
    assert usage_second("20190101", "--created-gt") == 1_546_300_800
    assert usage_second("2019-01-01", "--created-gt") == 1_546_300_800
    with pytest.raises(UsageError, match="--created-gt"):
        usage_second("5.5", "--created-gt")
    for date_like in ("2019", "201901", "20191301"):
        with pytest.raises(UsageError, match="expected a date"):
            usage_second(date_like, "--created-gt")


LAKE = "ducklake:postgres:host=db dbname=lake"


@pytest.mark.parametrize(
    ("data_path", "read"), [("lake", "lake/"), ("s3://shop/lake", "s3://shop/lake")]
)
def test_a_lake_has_its_address_as_it_is_written(folder: Path, data_path: str, read: str) -> None:
    found = from_file(folder, f"warehouse: {{path: '{LAKE}', data_path: '{data_path}'}}").warehouse
    assert found.catalog == "postgres:host=db dbname=lake"
    assert found.data_path == (read if "://" in read else f"{folder}/{read}")
    assert from_file(folder, "").warehouse.catalog is None


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("ducklake:postgres:host=db password=hunter2 dbname=lake", "PGPASSWORD"),
        ("ducklake:postgres:postgresql://ada:hunter2@db/lake", "PGPASSWORD"),
        ("ducklake:lake.duckdb", "dbname=lake"),
        ("ducklake:sqlite:lake.db", "dbname=lake"),
        ("ducklake:postgres:", "dbname=lake"),
        ("ducklake:postgres:dbname='a b'", "dbname=lake"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_lake_s_address_is_plain_and_holds_no_password(path: str, word: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(None, {"CHECKOUTS_WAREHOUSE__PATH": path, "CHECKOUTS_WAREHOUSE__DATA_PATH": "d"})
    assert word in refused(error)
    assert "hunter2" not in refused(error)


@pytest.mark.parametrize(
    ("over", "key"),
    [
        ({}, "warehouse.data_path"),
        (
            {
                "CHECKOUTS_WAREHOUSE__DATA_PATH": "d",
                "CHECKOUTS_PUBLISH__PATH": "read.duckdb",
            },
            "publish.path",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_a_lake_lacks_or_can_not_do_is_refused(over: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(None, {"CHECKOUTS_WAREHOUSE__PATH": LAKE, **over})
    assert error.value.key == key


@pytest.mark.parametrize("path", ["w.duckdb", "../data/w.duckdb", "link.duckdb"])
def test_a_copy_in_the_place_of_the_warehouse_is_refused(folder: Path, path: str) -> None:
    data = folder / "data"
    data.mkdir()
    (data / "link.duckdb").symlink_to("w.duckdb")
    with pytest.raises(ConfigError) as error:
        from_file(folder, f"warehouse: {{path: data/w.duckdb}}\npublish: {{path: data/{path}}}")
    assert error.value.key == "publish.path"
