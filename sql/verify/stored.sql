-- What is stored of a window. Grain: one row a session.
with

items as (
    select
        session_id,
        list(payload::varchar order by "position") as payloads
    from checkout_session_line_items
    where
        account = $account
        and session_created > to_timestamp($after::bigint)
        and session_created <= to_timestamp($until::bigint)
    group by session_id
)

select
    sessions.id,
    epoch_us(sessions.created) // 1000000 as created,
    sessions.payload::varchar as payload,
    sessions.api_version,
    coalesce(runs.privacy, '') as privacy,
    sessions.missing_since is not null as missing,
    unsettled.reason,
    epoch_us(unsettled.read_at) // 1000000 as read_at,
    coalesce(sessions.line_items_complete, false) as line_items_complete,
    coalesce(items.payloads, []) as line_items
from checkout_sessions as sessions
left join meta.unsettled as unsettled
    on sessions.account = unsettled.account and sessions.id = unsettled.id
left join meta.runs as runs on sessions.run_id = runs.run_id
left join items on sessions.id = items.session_id
where
    sessions.account = $account
    and sessions.created > to_timestamp($after::bigint)
    and sessions.created <= to_timestamp($until::bigint);
