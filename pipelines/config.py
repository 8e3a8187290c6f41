"""Settings: `config.yaml` below environment variables, as frozen values.

The only module that reads the environment. Every setting has a default, so a file is optional.
"""

import os
import re
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from pipelines.errors import ConfigError, UsageError

if typing.TYPE_CHECKING:
    from pipelines.privacy import Protection

FILE_NAME = "config.yaml"
PREFIX = "CHECKOUTS_"
EARLIEST, LATEST = -62_135_510_400, 253_402_214_400
"""The years 1 to 9999, a day within, so that every time zone can show them; epoch seconds."""
LAKE = "ducklake:"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PRIVACY_KEY = "CHECKOUTS_PRIVACY_KEY"
SHORTEST_PRIVACY_KEY = 16
OTHER_VARIABLES = (PRIVACY_KEY,)
"""Variables with our prefix that are no settings."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Rate = Annotated[float, Meta(gt=0, le=10_000)]


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the settings."""


class Stripe(Frozen, frozen=True):
    """How the API is asked; `requests_per_second` is for each account, `retry_for_s` seconds."""

    base_url: str = "https://api.stripe.com"
    api_version: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}(\.[a-z0-9_]+)?\Z")] = (
        "2026-10-28.endive"
    )
    requests_per_second: Rate = 25
    line_items: bool = True
    retry_for_s: Annotated[float, Meta(ge=0, le=86_400)] = 300


class Account(Frozen, frozen=True):
    """One Stripe account: where its key is, and what differs from the general settings."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")]
    # The name of a variable; a key put here by mistake is no name.
    key_env: Annotated[
        str, Meta(pattern=r"^(?!(sk|rk|pk)_(live|test)_)[A-Za-z_][A-Za-z0-9_]*\Z")
    ] = "STRIPE_API_KEY"
    stripe_account: Annotated[str, Meta(pattern=r"^acct_[A-Za-z0-9_]+\Z")] | None = None
    start: str | None = None
    requests_per_second: Rate | None = None


class Warehouse(Frozen, frozen=True):
    """Where the sessions are kept, and how many seconds to wait for others who use it.

    `path` is a DuckDB file, or a lake's address as `ducklake:postgres:host=db dbname=lake`, whose
    data files are at `data_path`.
    """

    path: Path = Path("data/checkouts.duckdb")
    data_path: str | None = None
    lock_timeout_s: Seconds = 60

    @property
    def catalog(self) -> str | None:
        """The address of the lake's catalog; None for a file."""
        return str(self.path).removeprefix(LAKE) if str(self.path).startswith(LAKE) else None


class Sync(Frozen, frozen=True):
    """What a sync reads and when: `start` is the first `created` date ever read.

    `overlap` says what a scheduled sync does while another run writes.
    """

    start: str = "2019-01-01"
    settle_s: Annotated[int, Meta(ge=0, le=86_400)] = 60
    late_payment_days: Annotated[int, Meta(ge=0, le=3_650)] = 62
    # At 1 an unpaid session would never be due again.
    reread_ratio: Annotated[float, Meta(ge=0, lt=1)] = 0.02
    schedule: str = "*/15 * * * *"
    overlap: str = "skip"


class Run(Frozen, frozen=True):
    """Who runs the accounts: threads of this process, or a Dask cluster.

    `workers` is how many run at a time; on a cluster that is at `dask_address` it decides itself.
    """

    task_runner: str = "threads"
    workers: Annotated[int, Meta(ge=1, le=1_000)] = 16
    dask_address: Annotated[str, Meta(pattern=r"^(tcp|tls)://[^\s@]+\Z")] | None = None


class Publish(Frozen, frozen=True):
    """Where a read-only copy for other tools goes; nowhere by default."""

    path: Path | None = None
    parquet: Path | None = None


class Privacy(Frozen, frozen=True):
    """Paths of a session that are never stored, or stored as keyed hashes only."""

    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()


class Settings(Frozen, frozen=True):
    """All settings, with paths made absolute; `file` is None when there was none."""

    stripe: Stripe = Stripe()
    accounts: tuple[Account, ...] = ()
    warehouse: Warehouse = Warehouse()
    sync: Sync = Sync()
    run: Run = Run()
    timezone: str = "UTC"
    publish: Publish = Publish()
    privacy: Privacy = Privacy()
    file: Path | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of days and of times shown."""
        return ZoneInfo(self.timezone)

    @property
    def folder(self) -> Path:
        """Where the program keeps what isn't the warehouse: beside its file, else in `data`."""
        if self.warehouse.catalog is None:
            return self.warehouse.path.parent
        return (self.file.parent if self.file is not None else Path.cwd()) / "data"

    def start_of(self, account: Account) -> int:
        """Return the first `created` second ever read for an account, epoch seconds."""
        return moment(account.start if account.start is not None else self.sync.start)

    def rate_of(self, account: Account) -> float:
        """Return how many requests a second an account may get."""
        return account.requests_per_second or self.stripe.requests_per_second

    def chosen(self, names: typing.Sequence[str] = ()) -> tuple[Account, ...]:
        """Return the accounts of those names, all without any.

        Raises:
            ConfigError: a name that no account has.
        """
        accounts = self.accounts or (Account(name="default"),)
        known = {account.name: account for account in accounts}
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"no account is named {name!r}; config.yaml has: {', '.join(known)}",
                    key="accounts",
                )
        return tuple(known[name] for name in dict.fromkeys(names)) if names else accounts


class Key:
    """A Stripe API key that shows itself to nobody; `value` is what the API gets."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Key(****)"


def moment(text: str) -> int:
    """Return an ISO date or timestamp as epoch seconds, fractions rounded up; UTC by default.

    Raises:
        ValueError: it is no ISO date or timestamp.
    """
    at = datetime.fromisoformat(text.strip())
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    second = -((_EPOCH - at) // timedelta(seconds=1))
    if not EARLIEST <= second <= LATEST:
        raise ValueError(f"{text} is in no year that a date can be shown in")
    return second


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of a file and the environment above it.

    Args:
        path: the file; without it `config.yaml` is looked for from the working directory upward.
        environ: the environment; the process's own by default.

    Raises:
        ConfigError: a file that can't be read, an unknown key, a value that doesn't fit.
    """
    environ = os.environ if environ is None else environ
    file = path if path is not None else _find(Path.cwd())
    tree = _read(file) if file is not None else {}
    for name, value in environ.items():
        if name.startswith(PREFIX) and name not in OTHER_VARIABLES:
            _override(tree, name, value)
    try:
        settings = msgspec.convert(tree, Settings, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(str(error), tree, file), file=_name(file)) from None
    except UnicodeEncodeError:
        raise ConfigError(f"{file}: a text in it is not Unicode", file=_name(file)) from None
    base = file.absolute().parent if file is not None else Path.cwd()
    settings = _absolute(settings, base, file)
    _check(settings, environ)
    return settings


def plain(settings: Settings) -> dict[str, Any]:
    """Return settings as values that may travel; no key is among them."""
    values: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=str)
    return values


def from_plain(values: Mapping[str, Any]) -> Settings:
    """Return the settings that `plain` made values of."""
    return msgspec.convert(values, Settings, dec_hook=_path)


def key_of(account: Account, environ: Mapping[str, str] | None = None) -> Key:
    """Return an account's key from its environment variable.

    Raises:
        ConfigError: the variable isn't set, or holds what can't be a key.
    """
    environ = os.environ if environ is None else environ
    value = environ.get(account.key_env, "").strip()
    if not value:
        raise ConfigError(
            f"{account.key_env} is not set; put a Stripe key there (a restricted key with read"
            " permission on Checkout Sessions is enough)",
            key=account.key_env,
        )
    if not re.fullmatch(r"[\x21-\x7e]{1,500}", value):
        raise ConfigError(
            f"{account.key_env} holds characters that no Stripe key has; copy the key again",
            key=account.key_env,
        )
    return Key(value)


def protection_of(settings: Settings, environ: Mapping[str, str] | None = None) -> "Protection":
    """Return what is taken out of every session before it is stored.

    Raises:
        ConfigError: hashes need a key, and there is none, or a short one.
    """
    from pipelines.privacy import protection  # noqa: PLC0415 -- loads all columns

    environ = os.environ if environ is None else environ
    key = environ.get(PRIVACY_KEY, "") if settings.privacy.hash else ""
    if settings.privacy.hash and len(key) < SHORTEST_PRIVACY_KEY:
        found = f"has {len(key)} characters" if key else "is not set"
        raise ConfigError(
            f"{PRIVACY_KEY} {found}; privacy.hash needs a secret of at least"
            f" {SHORTEST_PRIVACY_KEY} characters there, always the same",
            key=PRIVACY_KEY,
        )
    return protection(settings.privacy.drop, settings.privacy.hash, os.fsencode(key))


def on_loopback(url: str) -> bool:
    """Whether a URL points at this machine."""
    return urlsplit(url).hostname in LOOPBACK


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, None without one or on loopback."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 -- takes long

    parts = urlsplit(url)
    proxies = getproxies()
    if not proxies or on_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _find(folder: Path) -> Path | None:
    for candidate in (folder, *folder.parents):
        if (candidate / FILE_NAME).is_file():
            return candidate / FILE_NAME
    return None


def _name(file: Path | None) -> str | None:
    return str(file) if file is not None else None


def _read(file: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 -- a fifth of the start-up, and often there is no file

    class Loader(yaml.SafeLoader):
        """Leaves a date as the text that it is."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in forms if not tag.endswith(":timestamp")]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        tree = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506 -- a safe one
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", file=str(file)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: it is not UTF-8 text", file=str(file)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"{file}: it is not valid YAML{where}", file=str(file)) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict) or "file" in tree:
        what = "unknown key 'file'" if isinstance(tree, dict) else "it must hold keys and values"
        raise ConfigError(f"{file}: {what}", file=str(file))
    # What is left empty (`publish:`) means its default.
    known = Settings.__struct_fields__
    return {key: value for key, value in tree.items() if value is not None or key not in known}


def _override(tree: dict[str, Any], name: str, value: str) -> None:
    path = name.removeprefix(PREFIX).lower().split("__")
    hints = typing.get_type_hints(Settings, include_extras=True)
    kind = hints.get(path[0])
    if len(path) == 2 and isinstance(kind, type) and issubclass(kind, Frozen):  # noqa: PLR2004 -- section and key
        kind = typing.get_type_hints(kind, include_extras=True).get(path[1])
        section = tree.setdefault(path[0], {})
    elif len(path) == 1 and kind is str:
        section = tree
    else:
        kind = None
    if kind is None:
        raise ConfigError(f"the environment variable {name} names no setting", key=name)
    if isinstance(section, dict):
        section[path[-1]] = _from_text(value, kind, name)


def _from_text(value: str, kind: Any, name: str) -> Any:
    """Read an environment variable as the type that its setting has."""
    if not value.isascii() and value.encode(errors="replace").decode() != value:
        raise ConfigError(f"{name}: expected UTF-8 text, got {_shown(value)}", key=name)
    if typing.get_origin(kind) in (typing.Union, types.UnionType) and value in ("", "null"):
        return None
    if typing.get_origin(kind) is tuple:
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        # strict=False reads numbers and booleans from text, as a variable has nothing else.
        read = msgspec.convert(value, kind, strict=False, dec_hook=_path)
        return value if isinstance(read, Path) else read
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_plain(str(error))}, got {_shown(value)}", key=name) from None


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        with suppress(RuntimeError):  # the home of a user that isn't there
            return Path(value).expanduser()
    raise ValueError("Expected a path")


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "object": "keys with values",
    "array": "a list",
    "null": "nothing",
}


def _plain(message: str) -> str:
    """Turn msgspec's words into ours: `Expected `float`, got `str`` -> expected a number."""
    message = re.sub(r" - at `.*`$", "", message)
    message = re.sub(r", got `.*`$", "", message)
    message = re.sub(r"`([^`]*)`", lambda m: _kinds(m.group(1)), message)
    return message[0].lower() + message[1:]


def _kinds(names: str) -> str:
    return " or ".join(_WORDS.get(name, name) for name in names.split(" | "))


def _explain(message: str, tree: Mapping[str, Any], file: Path | None) -> str:
    """Turn msgspec's message into: file, key, what was expected, what was found."""
    place = re.search(r" - at `(key` in `)?\$\.?([^`]*)`\Z", message)
    path = place[2] if place else ""
    unknown = re.match(r"Object contains unknown field `(.*?)`( - at |\Z)", message, re.DOTALL)
    if unknown:
        return _unknown(file, path, unknown[1])
    found: Any = tree
    for part in re.findall(r"[^.\[\]]+", path):
        found = found[int(part)] if isinstance(found, list) else found[part]
    if place and place[1]:  # a key that is no text, as 1: or true:
        return _unknown(file, path, next(key for key in found if not isinstance(key, str)))
    return f"{file or 'settings'}: {path}: {_plain(message)}, got {_shown(found)}"


def _unknown(file: Path | None, path: str, name: object) -> str:
    key = f"{path}.{name}" if path else str(name)
    return f"{file}: unknown key {key!r}; the README lists all settings"


def _shown(value: Any) -> str:
    """Return what was found, in short; a key put in the wrong place isn't shown."""
    if isinstance(value, Mapping | list):
        return _WORDS["object" if isinstance(value, Mapping) else "array"]
    return re.sub(r"((?:sk|rk)_(?:live|test)_)\w+", r"\1****", repr(value))[:100]


def _absolute(settings: Settings, base: Path, file: Path | None) -> Settings:
    replace = msgspec.structs.replace

    def resolved(path: Path | None) -> Path | None:
        return base / path if path is not None else None

    return replace(
        settings,
        file=file.absolute() if file is not None else None,
        stripe=replace(settings.stripe, base_url=settings.stripe.base_url.rstrip("/")),
        warehouse=_located(settings.warehouse, base),
        publish=replace(
            settings.publish,
            path=resolved(settings.publish.path),
            parquet=resolved(settings.publish.parquet),
        ),
    )


def _located(warehouse: Warehouse, base: Path) -> Warehouse:
    """Make a file's path absolute, and that of a lake's data where it is no URL."""
    path, data_path = warehouse.path, warehouse.data_path
    if warehouse.catalog is None:
        path = base / path
    if data_path is not None and "://" not in data_path:
        data_path = f"{base / data_path}/"  # with a slash at its end, as DuckLake notes it down
    return msgspec.structs.replace(warehouse, path=path, data_path=data_path)


def _check(settings: Settings, environ: Mapping[str, str]) -> None:
    """Check what types alone can't say."""

    def refuse(key: str, message: str) -> typing.NoReturn:
        variable = PREFIX + key.upper().replace(".", "__")
        origin = variable if variable in environ else f"{settings.file or 'settings'}: {key}"
        raise ConfigError(f"{origin}: {message}", key=key, file=_name(settings.file))

    _check_url(settings.stripe.base_url, refuse)
    starts = [("sync.start", settings.sync.start)]
    starts += [("accounts.start", a.start) for a in settings.accounts if a.start is not None]
    for key, value in starts:
        try:
            moment(value)
        except (ValueError, OverflowError):
            refuse(key, f"expected a date such as 2019-01-01, got {_shown(value)}")
    try:
        _ = settings.zone
    except (ValueError, OSError, KeyError):
        refuse("timezone", f"no time zone is named {_shown(settings.timezone)}; try Europe/Berlin")
    if settings.publish.path == settings.warehouse.path:
        refuse("publish.path", "it is the warehouse itself; name another file")
    _check_lake(settings, refuse)
    _check_schedule(settings.sync.schedule, refuse)
    for key, value, words in (
        ("sync.overlap", settings.sync.overlap, ("skip", "wait")),
        ("run.task_runner", settings.run.task_runner, ("threads", "dask")),
    ):
        if value not in words:  # as a type, msgspec would show the value, which may be a key
            refuse(key, f"expected {' or '.join(words)}, got {_shown(value)}")
    _check_privacy(settings.privacy, refuse)
    names = [account.name for account in settings.accounts]
    for name in names:
        if names.count(name) > 1:
            refuse("accounts", f"two accounts are named {name!r}; names must differ")


def _check_lake(settings: Settings, refuse: typing.Callable[[str, str], typing.NoReturn]) -> None:
    """Check a lake's address, which holds no password, and what only a file or a lake can do."""
    catalog, data_path = settings.warehouse.catalog, settings.warehouse.data_path
    if catalog is None:
        return
    if re.search(r"\bpassword\b|://?[^ ]*@", catalog):
        refuse("warehouse.path", "it must not hold a password; set PGPASSWORD, or PGPASSFILE")
    if not re.fullmatch(r"postgres:[a-z_]+=[^\s'\\]+( [a-z_]+=[^\s'\\]+)*", catalog):
        refuse(
            "warehouse.path",
            "expected a lake's address such as ducklake:postgres:host=db dbname=lake,"
            f" got {_shown(str(settings.warehouse.path))}",
        )
    if not data_path:
        refuse("warehouse.data_path", "a lake needs one: a folder, or a URL as s3://bucket/lake")
    if settings.publish.path is not None:
        refuse("publish.path", "a lake needs no copy: there nobody waits for a load; leave it out")


def _check_schedule(schedule: str, refuse: typing.Callable[[str, str], typing.NoReturn]) -> None:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 -- not for every --help

    shown = _shown(schedule)
    if len(schedule.split()) != 5:  # noqa: PLR2004 -- minute to weekday
        refuse("sync.schedule", f"expected five cron fields, got {shown}")
    try:
        next(CronSim(schedule, _EPOCH))
    except (CronSimError, StopIteration) as error:
        refuse("sync.schedule", f"expected a cron schedule, got {shown} ({error})")


def _check_privacy(chosen: Privacy, refuse: typing.Callable[[str, str], typing.NoReturn]) -> None:
    if chosen == Privacy():
        return
    from pipelines.privacy import objection  # noqa: PLC0415 -- loads all columns

    for key, paths in (("drop", chosen.drop), ("hash", chosen.hash)):
        for path in paths:
            wrong = objection(path, hashing=key == "hash")
            if wrong is not None:
                refuse(f"privacy.{key}", wrong)


def _check_url(url: str, refuse: typing.Callable[[str, str], typing.NoReturn]) -> None:
    shown = _shown(url)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        if re.fullmatch(r"[\d.]+", host):
            IPv4Address(host)
    except ValueError:
        refuse("stripe.base_url", f"{shown} is no address")
    if parts.username is not None or parts.password is not None:
        refuse("stripe.base_url", "it must not hold a user or password; keys come by environment")
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9._:-]+", host):
        refuse("stripe.base_url", f"expected an address like https://api.stripe.com, got {shown}")
    if not re.fullmatch(r"[!-~]+", url) or "?" in url or "#" in url:
        refuse("stripe.base_url", f"it must not hold spaces, a query or a fragment, got {shown}")
    if parts.scheme == "http" and not on_loopback(url):
        refuse(
            "stripe.base_url",
            f"plain http would show the key to the network, got {shown};"
            " use https (http is for 127.0.0.1 alone)",
        )


def usage_moment(text: str, option: str) -> int:
    """Return a command-line date as epoch seconds.

    Raises:
        UsageError: it is no ISO date or timestamp.
    """
    try:
        return moment(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: expected a date such as 2026-10-01 or 2026-10-01T14:30:00+02:00,"
            f" got {text!r}"
        ) from None


def usage_second(text: str, option: str) -> int:
    """Return a command-line time as epoch seconds: a whole number is one, else an ISO date.

    Raises:
        UsageError: it is neither.
    """
    return int(text) if re.fullmatch(r"-?\d{1,15}", text) else usage_moment(text, option)
