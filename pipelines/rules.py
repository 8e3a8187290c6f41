"""What settings must keep to that their types alone can't say."""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from os.path import realpath
from typing import Any, NoReturn
from urllib.parse import urlsplit

from pipelines.moments import EPOCH, moment
from pipelines.routes import on_loopback
from pipelines.settings import Privacy, Settings

Refuse = Callable[[str, str], NoReturn]
"""Ends with a ConfigError that names a key, and says what is wrong with it."""

KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "object": "keys with values",
    "array": "a list",
    "null": "nothing",
}


def check(settings: Settings, refuse: Refuse) -> None:
    """Check what types alone can't say.

    Raises:
        ConfigError: a setting that can't be.
    """
    _check_url(settings.stripe.base_url, refuse)
    _check_paths(settings, refuse)
    starts = [("sync.start", settings.sync.start)]
    starts += [
        (f"accounts[{position}].start", account.start)
        for position, account in enumerate(settings.accounts)
        if account.start is not None
    ]
    for key, value in starts:
        try:
            moment(value)
        except (ValueError, OverflowError):
            refuse(key, f"expected a date such as 2019-01-01, got {shown(value)}")
    _check_zone(settings, refuse)
    _check_copy(settings, refuse)
    _check_lake(settings, refuse)
    _check_schedule(settings.sync.schedule, refuse)
    for key, value, words in (
        ("sync.overlap", settings.sync.overlap, ("skip", "wait")),
        ("run.task_runner", settings.run.task_runner, ("threads", "dask")),
    ):
        if value not in words:  # as a type, msgspec would show the value, which may be a key
            refuse(key, f"expected {' or '.join(words)}, got {shown(value)}")
    _check_privacy(settings.privacy, refuse)
    names = [account.name for account in settings.accounts]
    for name in names:
        if names.count(name) > 1:
            refuse("accounts", f"two accounts are named {name!r}; names must differ")


def _check_paths(settings: Settings, refuse: Refuse) -> None:
    """Check that paths are text, since DuckDB takes no others."""
    for key, path in (
        ("warehouse.path", settings.warehouse.path),
        ("warehouse.data_path", settings.warehouse.data_path),
        ("publish.path", settings.publish.path),
        ("publish.parquet", settings.publish.parquet),
    ):
        try:
            str(path).encode()
        except UnicodeEncodeError:
            refuse(key, f"{shown(str(path))} is not UTF-8 text; use a folder with another name")


def _check_zone(settings: Settings, refuse: Refuse) -> None:
    """Check that Python knows a time zone, and DuckDB too: no name of this machine's own."""
    name = settings.timezone
    try:
        _ = settings.zone
    except (ValueError, OSError, KeyError):
        refuse("timezone", f"no time zone is named {shown(name)}; try Europe/Berlin")
    if name == "UTC":
        return
    from importlib import resources  # noqa: PLC0415 -- not for every start

    if name not in (resources.files("tzdata") / "zones").read_text().split():
        refuse(
            "timezone",
            f"{shown(name)} is a name that this machine has for a time zone, and the warehouse"
            " doesn't know it; name the zone itself, such as Europe/Berlin",
        )


def _check_copy(settings: Settings, refuse: Refuse) -> None:
    """Check that the copy takes the place of nothing that the program itself lives from."""
    if settings.publish.path is None:
        return
    warehouse = realpath(settings.warehouse.path)
    own = {warehouse: "the warehouse itself", f"{warehouse}.wal": "the warehouse's log"}
    if settings.file is not None:
        own[realpath(settings.file)] = "the file of these settings"
    what = own.get(realpath(settings.publish.path))
    if what is not None:
        refuse("publish.path", f"it is {what}; name another file")


def _check_lake(settings: Settings, refuse: Refuse) -> None:
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
            f" got {shown(str(settings.warehouse.path))}",
        )
    if not data_path:
        refuse("warehouse.data_path", "a lake needs one: a folder, or a URL as s3://bucket/lake")
    if settings.publish.path is not None:
        refuse("publish.path", "a lake needs no copy: there nobody waits for a load; leave it out")


def _check_schedule(schedule: str, refuse: Refuse) -> None:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 -- not for every --help

    got = shown(schedule)
    if len(schedule.split()) != 5:  # noqa: PLR2004 -- minute to weekday
        refuse("sync.schedule", f"expected five cron fields, got {got}")
    try:
        next(CronSim(schedule, EPOCH))
    except (CronSimError, StopIteration) as error:
        refuse("sync.schedule", f"expected a cron schedule, got {got} ({error})")


def _check_privacy(chosen: Privacy, refuse: Refuse) -> None:
    if chosen == Privacy():
        return
    from pipelines.privacy import objection  # noqa: PLC0415 -- loads all columns

    for key, paths in (("drop", chosen.drop), ("hash", chosen.hash)):
        for path in paths:
            wrong = objection(path, hashing=key == "hash")
            if wrong is not None:
                refuse(f"privacy.{key}", wrong)


def _check_url(url: str, refuse: Refuse) -> None:
    got = shown(url)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        if re.fullmatch(r"[\d.]+", host):
            IPv4Address(host)
    except ValueError:
        refuse("stripe.base_url", f"{got} is no address")
    if parts.username is not None or parts.password is not None:
        refuse("stripe.base_url", "it must not hold a user or password; keys come by environment")
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9._:-]+", host):
        refuse("stripe.base_url", f"expected an address like https://api.stripe.com, got {got}")
    if not re.fullmatch(r"[!-~]+", url) or "?" in url or "#" in url:
        refuse("stripe.base_url", f"it must not hold spaces, a query or a fragment, got {got}")
    if parts.scheme == "http" and not on_loopback(url):
        refuse(
            "stripe.base_url",
            f"plain http would show the key to the network, got {got};"
            " use https (http is for 127.0.0.1 alone)",
        )


def shown(value: Any) -> str:
    """Return what was found, in short; a key put in the wrong place isn't shown."""
    if isinstance(value, Mapping | list):
        return KINDS["object" if isinstance(value, Mapping) else "array"]
    return re.sub(r"((?:sk|rk)_(?:live|test)_)\w+", r"\1****", repr(value))[:100]
