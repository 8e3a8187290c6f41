-- Sessions that the API returns again.
update checkout_sessions set missing_since = null
where
    account = $account
    and created between to_timestamp($oldest::bigint) and to_timestamp($newest::bigint)
    and id in (
        select verdicts.id
        from verdicts
        inner join incoming on verdicts.id = incoming.id
        where incoming.observed_at >= verdicts.missing_since
    );
