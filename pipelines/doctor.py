"""What usually goes wrong, looked at before it does; changes nothing."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
from msgspec.structs import replace

from pipelines import layout, places, words
from pipelines.errors import CheckoutsError, ConfigError, TransientSourceError, WarehouseError
from pipelines.keys import PRIVACY_KEY, SHARED, key_of, protection_of, require_keys
from pipelines.settings import Account, Settings
from pipelines.stripe_api import Page, StripeApi
from pipelines.warehouse import Warehouse

WAIT_S = 5.0
"""How long the API or another process is waited for, in seconds."""
AWAY = "check stripe.base_url, the network and a proxy; status.stripe.com tells how Stripe is"
HELD = "wait until it has ended, or end it; let other tools open a copy instead (publish.path)"
LEAST_FREE_BYTES = 1_000_000_000
KINDS = {"sk": "a secret", "rk": "a restricted"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        found: what was seen.
        remedy: what to do about it; empty if all is well.
        exit_code: of the doctor, if this is the worst.
    """

    name: str
    found: str
    remedy: str = ""
    exit_code: int = 0


def examine(settings: Settings) -> Iterator[Check]:
    """Look at the settings, each account's key and API, and the warehouse."""
    yield Check("config", str(settings.file or "no config.yaml; defaults and environment"))
    if settings.privacy.hash:
        yield _hashing(settings)
    for account in settings.chosen():
        yield from _account(settings, account)
    yield from _shared_keys(settings)
    yield _extensions(settings)
    if settings.warehouse.catalog is None:
        path = places.File(settings.warehouse.path, WAIT_S).path
        yield _file(settings, path)
        yield _room(path)
    else:
        yield _lake(settings)


def failed(name: str, error: CheckoutsError, who: str = "") -> Check:
    """Return a check that failed, its error's advice as the remedy."""
    found, _, remedy = error.message.partition("; ")
    return Check(name, f"{who}{found}", remedy or "see the README", error.exit_code)


def _hashing(settings: Settings) -> Check:
    try:
        protection_of(settings)
    except ConfigError as error:
        return failed("privacy", error)
    return Check("privacy", f"{PRIVACY_KEY} is set, for {len(settings.privacy.hash)} hashed paths")


def _account(settings: Settings, account: Account) -> Iterator[Check]:
    who = f"{account.name}: "
    try:
        value = key_of(account).value
    except ConfigError as error:
        yield failed("key", error, who)
        return
    kind = re.match(r"(sk|rk)_(test|live)_", value)
    if kind is None:
        yield Check(
            "key",
            f"{who}{account.key_env} holds no secret or restricted key",
            "copy one that begins with rk_ or sk_ from Stripe's dashboard (Developers, API keys)",
            ConfigError.exit_code,
        )
        return
    mode = f"{KINDS[kind[1]]} key, {kind[2]} mode"
    wide = "; a restricted key that only reads Checkout Sessions is safer"
    yield Check("key", f"{who}{account.key_env}, {mode}{wide if kind[1] == 'sk' else ''}")
    yield from _api(settings, account)


def _shared_keys(settings: Settings) -> Iterator[Check]:
    try:
        require_keys(settings.chosen())
    except ConfigError as error:
        if error.key == SHARED:  # each account's own key was looked at by itself
            yield failed("key", error)


def _api(settings: Settings, account: Account) -> Iterator[Check]:
    """Ask for one session, with what a sync asks for."""
    hurried = replace(settings, stripe=replace(settings.stripe, retry_for_s=WAIT_S))
    try:
        api = StripeApi.of(hurried, account, loads=False)
    except ConfigError as error:
        yield failed("api", error, f"{account.name}: ")
        return
    params = [("limit", "1")]
    if settings.stripe.line_items:
        params.append(("expand[]", "data.line_items"))
    try:
        page = api.list_sessions(params)
    except TransientSourceError as error:
        found = f"{account.name}: {error.message.partition('; ')[0]}"
        yield Check("api", found, AWAY, error.exit_code)
        return
    except CheckoutsError as error:
        yield failed("api", error, f"{account.name}: ")
        return
    finally:
        api.close()
    version = settings.stripe.api_version
    yield Check("api", f"{account.name}: may read Checkout Sessions, version {version}")
    yield _clock(settings, account, page)


def _clock(settings: Settings, account: Account, page: Page) -> Check:
    apart = time.time() - page.api_time
    found = f"{account.name}: this machine's clock is {words.span(abs(apart))} "
    found += "ahead of the API's" if apart > 0 else "behind the API's"
    if abs(apart) <= settings.sync.settle_s:
        return Check("clock", found)
    # Nothing read depends on it; what people read off a schedule or `status` does.
    remedy = "set it (timedatectl); syncs stay right, but --max-age and schedules are off"
    return Check("clock", found, remedy, ConfigError.exit_code)


def _file(settings: Settings, path: Path) -> Check:
    place = _impatient(settings)
    try:
        exists = place.exists
    except WarehouseError as error:
        return failed("warehouse", error)
    folder = _nearest(path)
    written = [folder, path] if exists else [folder]
    if not folder.is_dir() or not all(os.access(each, os.W_OK) for each in written):
        return Check(
            "warehouse",
            f"{path} can't be written by this user",
            "give it the right to write there, or set warehouse.path",
            WarehouseError.exit_code,
        )
    if not exists:
        return Check("warehouse", f"{path} is not there yet; the first sync makes it")
    warehouse = Warehouse(place)
    try:
        ((row,),) = warehouse.answers(("state/version", {}))
    except WarehouseError as error:
        if error.holder is None:
            return failed("warehouse", error)
        waited = f"{path} is in use by {error.holder}; waited {place.patience_s:g} s"
        return Check("warehouse", waited, HELD, error.exit_code)
    (found,) = row.values()
    news = "" if found == layout.VERSION else f"; the next sync brings it to {layout.VERSION}"
    size = words.size(path.stat().st_size)
    return Check("warehouse", f"{path}, {size}, layout {found}{news}, nobody holds its lock")


def _lake(settings: Settings) -> Check:
    place = _impatient(settings)
    warehouse = Warehouse(place)
    try:
        if not place.exists:
            return Check("warehouse", f"{place.name} is not there yet; the first sync makes it")
        ((row,),) = warehouse.answers(("state/version", {}))
    except WarehouseError as error:
        return failed("warehouse", error)
    size = words.size(warehouse.size_bytes)
    return Check("warehouse", f"{place.name}, {size}, layout {row['version']}")


def _extensions(settings: Settings) -> Check:
    found = places.extensions()
    lacking = [name for name, path in found.items() if not path]
    there = ", ".join(name for name, path in found.items() if path) or "none of them"
    said = f"DuckDB {duckdb.__version__}; of those that a lake needs: {there}"
    if not lacking or settings.warehouse.catalog is None:
        return Check("extensions", said)
    install = "; ".join(f"install {name}" for name in lacking)
    remedy = f"python -c \"import duckdb; duckdb.sql('{install}')\" where there is a network,"
    remedy += " or install this program with its extra `lake`, which comes with DuckDB 1.5.5"
    return Check("extensions", said, remedy, WarehouseError.exit_code)


def _impatient(settings: Settings) -> places.Place:
    patience_s = min(WAIT_S, settings.warehouse.lock_timeout_s)
    return places.place_of(replace(settings.warehouse, lock_timeout_s=patience_s))


def _room(path: Path) -> Check:
    free = shutil.disk_usage(_nearest(path)).free
    there = os.access(path, os.F_OK)
    needed = max(LEAST_FREE_BYTES, path.stat().st_size if there else 0)
    found = f"{words.size(free)} free"
    if free >= needed:
        return Check("disk", found)
    remedy = f"make room: a load may need {words.size(needed)} for a while"
    return Check("disk", found, remedy, WarehouseError.exit_code)


def _nearest(path: Path) -> Path:
    """Return the folder of a file, or what can be reached nearest above it."""
    return next(folder for folder in path.absolute().parents if os.access(folder, os.F_OK))
