-- Bounded by the batch's created range, so that it costs the same however long the history is.
delete from checkout_sessions
where
    account = $account
    and created between to_timestamp($oldest::bigint) and to_timestamp($newest::bigint)
    and id in (select id from verdicts where verdict = 'changed');
