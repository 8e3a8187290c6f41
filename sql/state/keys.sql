-- The other account name under which a key is already known, and the key of an account.
select
    (
        select min(account)
        from meta.accounts
        where key_fingerprint = $key_fingerprint and account <> $account
    ) as owner,
    (select key_fingerprint from meta.accounts where account = $account) as stored;
