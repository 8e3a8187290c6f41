-- Stored sessions in seconds that were read completely, which the API did not return.
-- Grain: one row a session.
select
    sessions.id,
    epoch_us(sessions.created) // 1000000 as created,
    complete_windows.api_time,
    epoch_us(unsettled.read_at) // 1000000 as read_at,
    epoch_us(greatest(sessions.observed_at, unsettled.read_at)) // 1000000 as last_seen_at
from checkout_sessions as sessions
inner join complete_windows
    on
        epoch_us(sessions.created) // 1000000 > complete_windows."after"
        and epoch_us(sessions.created) // 1000000 <= complete_windows.until
left join meta.unsettled as unsettled
    on sessions.account = unsettled.account and sessions.id = unsettled.id
where
    sessions.account = $account
    and sessions.created > to_timestamp($after::bigint)
    and sessions.created <= to_timestamp($until::bigint)
    and sessions.missing_since is null
    and sessions.id not in (select id from returned);
