-- The lists of changed sessions, which their new version replaces, and of sessions whose row alone
-- was deleted.
delete from checkout_session_custom_fields
where
    account = getvariable('batch').account
    and session_created between getvariable('batch').oldest and getvariable('batch').newest
    and session_id in (select id from verdicts where verdict in ('changed', 'inserted'));

delete from checkout_session_discounts
where
    account = getvariable('batch').account
    and session_created between getvariable('batch').oldest and getvariable('batch').newest
    and session_id in (select id from verdicts where verdict in ('changed', 'inserted'));

delete from checkout_session_shipping_options
where
    account = getvariable('batch').account
    and session_created between getvariable('batch').oldest and getvariable('batch').newest
    and session_id in (select id from verdicts where verdict in ('changed', 'inserted'));

delete from checkout_session_tax_ids
where
    account = getvariable('batch').account
    and session_created between getvariable('batch').oldest and getvariable('batch').newest
    and session_id in (select id from verdicts where verdict in ('changed', 'inserted'));

delete from checkout_session_optional_items
where
    account = getvariable('batch').account
    and session_created between getvariable('batch').oldest and getvariable('batch').newest
    and session_id in (select id from verdicts where verdict in ('changed', 'inserted'));
