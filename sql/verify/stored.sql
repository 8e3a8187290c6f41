-- What is stored of a window. Grain: one row a session.
select
    sessions.id,
    epoch_us(sessions.created) // 1000000 as created,
    sessions.payload::varchar as payload,
    sessions.api_version,
    sessions.missing_since is not null as missing,
    unsettled.reason,
    epoch_us(unsettled.read_at) // 1000000 as read_at
from checkout_sessions as sessions
left join meta.unsettled as unsettled
    on sessions.account = unsettled.account and sessions.id = unsettled.id
where
    sessions.account = $account
    and sessions.created > to_timestamp($after::bigint)
    and sessions.created <= to_timestamp($until::bigint);
