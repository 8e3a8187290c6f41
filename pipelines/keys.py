"""Secrets, which come by environment alone: the API's keys, and the key of hashes."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipelines.errors import ConfigError
from pipelines.settings import Account, Settings

if TYPE_CHECKING:
    from pipelines.privacy import Protection

PRIVACY_KEY = "CHECKOUTS_PRIVACY_KEY"
SHORTEST_PRIVACY_KEY = 16
SHARED = "accounts"
"""The setting that is named where two accounts have one key."""


class Key:
    """A Stripe API key that shows itself to nobody; `value` is what the API gets."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Key(****)"


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


def require_keys(accounts: Iterable[Account], environ: Mapping[str, str] | None = None) -> None:
    """Check that each account has a key, and no two of them the same, before anything begins.

    Raises:
        ConfigError: a key is missing or can't be one, or two accounts would read the same sessions.
    """
    names: dict[tuple[str, str | None], str] = {}
    for account in accounts:
        key = (key_of(account, environ).value, account.stripe_account)
        other = names.setdefault(key, account.name)
        if other != account.name:
            raise ConfigError(
                f"accounts {other!r} and {account.name!r} have the same key, so they are the same"
                " account at Stripe and nothing was read; leave one of them out, or set the right"
                " key",
                key=SHARED,
            )


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
