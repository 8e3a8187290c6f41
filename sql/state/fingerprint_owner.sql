-- The other account name under which this key is already known.
select account
from meta.accounts
where key_fingerprint = $key_fingerprint and account <> $account;
