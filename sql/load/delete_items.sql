-- Line items that others replace.
delete from checkout_session_line_items
where
    account = $account
    and session_created between to_timestamp($oldest::bigint) and to_timestamp($newest::bigint)
    and session_id in (
        select id from completeness where verdict = 'replaced' and session_verdict <> 'inserted'
    );
