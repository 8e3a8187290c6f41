"""What the emulator's tests share: a moment, a key, the official client."""

import stripe

NOW = 1_700_000_000
KEY = "sk_test_contract"


def official(url: str, key: str = KEY) -> stripe.StripeClient:
    """The official client of an emulator, without retries."""
    return stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=0)
