select livemode, key_fingerprint, api_time
from meta.accounts
where account = $account;
