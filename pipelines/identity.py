"""Whether a key belongs to the account whose sessions are stored; checked before it is believed."""

from pipelines.errors import ConfigError, SourceRequestError
from pipelines.settings import Account
from pipelines.state import Keys, State
from pipelines.stripe_api import StripeApi

_MODE = {True: "live", False: "test"}


def check_account(api: StripeApi, account: Account, state: State, warehouse: str) -> None:
    """Refuse the key of another account or mode; a new key costs one request.

    Raises:
        ConfigError: the key is another account's.
        SourceError: the API couldn't be asked.
    """
    _check_owner(state.fingerprint_owner, account, warehouse)
    if state.key_fingerprint in (None, api.fingerprint) or state.newest_id is None:
        return
    try:
        api.list_sessions([("limit", "1"), ("starting_after", state.newest_id)])
    except SourceRequestError as error:
        if error.code != "resource_missing":
            raise
        raise ConfigError(
            f"the key of account {account.name!r} belongs to another Stripe account or mode than"
            f" the sessions in {warehouse}; nothing was written. Set the right key, or give this"
            " account a name of its own under accounts: in config.yaml",
            key=account.key_env,
        ) from None


def check_still(
    keys: Keys, begun: str | None, fingerprint: str, account: Account, warehouse: str
) -> None:
    """Refuse to load what another run's key has claimed since this run began.

    Args:
        keys: those stored now, in the load's transaction.
        begun: the one stored when the run began, None for a new account.
        fingerprint: that of the run's own.
        account: the account.
        warehouse: its name.

    Raises:
        ConfigError: this key became another account's, or the account another key's.
    """
    _check_owner(keys.owner, account, warehouse)
    if keys.stored not in (None, begun, fingerprint):
        raise ConfigError(
            f"the sessions of account {account.name!r} in {warehouse} were read with another key"
            " meanwhile; nothing was written. Run it again with the right key, or give this account"
            " a name of its own under accounts: in config.yaml",
            key=account.key_env,
        )


def check_mode(
    livemode: bool | None, stored: bool | None, account: Account, warehouse: str
) -> None:
    """Refuse sessions of another mode than the stored ones.

    Raises:
        ConfigError: live mode where test mode is stored, or the other way round.
    """
    if livemode is not None and stored is not None and livemode != stored:
        raise ConfigError(
            f"the key of account {account.name!r} reads {_MODE[livemode]} mode, but {warehouse}"
            f" holds its {_MODE[stored]} mode; nothing was written. Set the right key, or give this"
            " account a name of its own",
            key=account.key_env,
        )


def _check_owner(owner: str | None, account: Account, warehouse: str) -> None:
    if owner is not None:
        raise ConfigError(
            f"the key of account {account.name!r} is the one of account {owner!r} in {warehouse};"
            " nothing was written. Use that name, or the right key",
            key="accounts",
        )
