"""All settings as frozen values, each with a default."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from pipelines.errors import ConfigError
from pipelines.moments import moment

LAKE = "ducklake:"

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Rate = Annotated[float, Meta(gt=0, le=10_000)]


VERSION = r"^\d{4}-\d{2}-\d{2}(\.[a-z0-9_]+)?\Z"
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z"
# The name of a variable; a key put here by mistake is no name.
VARIABLE = r"^(?!(sk|rk|pk)_(live|test)_)[A-Za-z_][A-Za-z0-9_]*\Z"
STRIPE_ACCOUNT = r"^acct_[A-Za-z0-9_]+\Z"
SCHEDULER = r"^(tcp|tls)://[^\s@]+\Z"
FORMS = {
    VERSION: "a version such as 2026-10-28.endive",
    NAME: "up to 64 letters, digits and any of _.- with a letter or digit first",
    VARIABLE: "the name of an environment variable such as STRIPE_KEY_EU, which holds the key",
    STRIPE_ACCOUNT: "an account of Stripe's such as acct_1234",
    SCHEDULER: "a Dask scheduler's address such as tcp://dask:8786",
}
"""What a text must look like, in words."""


class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the settings."""


class Stripe(Frozen, frozen=True):
    """How the API is asked; `requests_per_second` is for each account, `retry_for_s` seconds."""

    base_url: str = "https://api.stripe.com"
    api_version: Annotated[str, Meta(pattern=VERSION)] = "2026-10-28.endive"
    requests_per_second: Rate = 25
    line_items: bool = True
    retry_for_s: Annotated[float, Meta(ge=0, le=86_400)] = 300


class Account(Frozen, frozen=True):
    """One Stripe account: where its key is, and what differs from the general settings."""

    name: Annotated[str, Meta(pattern=NAME)]
    key_env: Annotated[str, Meta(pattern=VARIABLE)] = "STRIPE_API_KEY"
    stripe_account: Annotated[str, Meta(pattern=STRIPE_ACCOUNT)] | None = None
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

    @property
    def late_payment_s(self) -> int:
        """How long a payment may take, in seconds."""
        return self.late_payment_days * 86_400


class Run(Frozen, frozen=True):
    """Who runs the accounts: threads of this process, or a Dask cluster.

    `workers` is how many run at a time; on a cluster that is at `dask_address` it decides itself.
    """

    task_runner: str = "threads"
    workers: Annotated[int, Meta(ge=1, le=1_000)] = 16
    dask_address: Annotated[str, Meta(pattern=SCHEDULER)] | None = None


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

    def owns(self, file: Path) -> bool:
        """Whether a file is the warehouse, its log, its copy, or where the settings are."""
        path = os.path.realpath(self.warehouse.path)
        mine = [path, f"{path}.wal", self.publish.path, self.file]
        return os.path.realpath(file) in [os.path.realpath(each) for each in mine if each]

    def start_of(self, account: Account) -> int:
        """Return the first `created` second ever read for an account, epoch seconds."""
        return moment(account.start if account.start is not None else self.sync.start)

    def rate_of(self, account: Account) -> float:
        """Return how many requests a second an account may get."""
        return account.requests_per_second or self.stripe.requests_per_second

    def chosen(self, names: Sequence[str] = ()) -> tuple[Account, ...]:
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


def plain(settings: Settings) -> dict[str, Any]:
    """Return settings as values that may travel; no key is among them."""
    values: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=str)
    return values


def from_plain(values: Mapping[str, Any]) -> Settings:
    """Return the settings that `plain` made values of."""
    return msgspec.convert(values, Settings, dec_hook=as_path)


def as_path(kind: type, value: Any) -> Any:
    """Take text as a path, for msgspec.

    Raises:
        ValueError: it can be none.
    """
    if kind is Path and isinstance(value, str) and value.strip() and "\0" not in value:
        with suppress(RuntimeError):  # the home of a user that isn't there
            return Path(value).expanduser()
    raise ValueError("Expected a path")
