-- Line items of sessions whose row alone was deleted.
delete from checkout_session_line_items
where
    account = getvariable('batch').account
    and session_created between getvariable('batch').oldest and getvariable('batch').newest
    and session_id in (select id from verdicts where verdict = 'inserted');
