"""Whether a key belongs to the account whose sessions are stored; checked before it is believed."""

from pipelines.errors import ConfigError, SourceRequestError
from pipelines.settings import Account
from pipelines.state import State
from pipelines.stripe_api import StripeApi

_MODE = {True: "live", False: "test"}


def check_account(api: StripeApi, account: Account, state: State, warehouse: str) -> None:
    """Refuse the key of another account or mode; a new key costs one request.

    Raises:
        ConfigError: the key is another account's.
        SourceError: the API couldn't be asked.
    """
    if state.fingerprint_owner is not None:
        raise ConfigError(
            f"the key of account {account.name!r} is the one of account {state.fingerprint_owner!r}"
            f" in {warehouse}; nothing was written. Use that name, or the right key",
            key="accounts",
        )
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
