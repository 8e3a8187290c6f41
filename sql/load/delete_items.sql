-- Line items that others replace.
delete from checkout_session_line_items
where rowid in (
    select stored_items.place
    from stored_items
    inner join completeness on stored_items.session_id = completeness.id
    where completeness.verdict = 'replaced' and completeness.session_verdict <> 'inserted'
);
