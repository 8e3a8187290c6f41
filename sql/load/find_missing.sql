-- Stored sessions in seconds that were read completely, which the API did not return.
-- Grain: one row a session.
select
    stored.id,
    stored.place,
    stored.api_time,
    epoch_us(unsettled.read_at) // 1000000 as read_at,
    epoch_us(greatest(stored.observed_at, unsettled.read_at)) // 1000000 as last_seen_at
from stored
left join meta.unsettled as unsettled
    on unsettled.account = $account and stored.id = unsettled.id
where
    stored.missing_since is null
    and stored.id not in (select id from returned);
