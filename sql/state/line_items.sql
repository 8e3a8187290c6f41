-- Sessions that are stored with all their line items: their payload, and those of the items in order.
-- Grain: one row a session.
select
    sessions.id,
    any_value(sessions.payload::varchar) as payload,
    list(items.payload::varchar order by items.position) as items
from checkout_sessions as sessions
inner join checkout_session_line_items as items
    on
        items.account = $account
        and items.session_created
        between to_timestamp($oldest::bigint) and to_timestamp($newest::bigint)
        and sessions.id = items.session_id
where
    sessions.account = $account
    and sessions.created between to_timestamp($oldest::bigint) and to_timestamp($newest::bigint)
    and sessions.line_items_complete
    and sessions.id in (select unnest($ids))
group by sessions.id;
