-- Stored sessions in seconds that were read completely, which the API did not return.
-- Grain: one row a session.
with

clock as (
    select greatest($api_time, max(api_time)) as latest
    from meta.accounts
    where account = $account
),

looked_at as (
    select
        stored.*,
        epoch_us(unsettled.read_at) // 1000000 as read_at,
        epoch_us(greatest(stored.observed_at, unsettled.read_at)) // 1000000 as last_seen_at
    from stored
    left join meta.unsettled as unsettled
        on unsettled.account = $account and stored.id = unsettled.id
    where
        stored.missing_since is null
        and stored.id not in (select id from returned)
)

select
    looked_at.id,
    looked_at.place,
    looked_at.api_time,
    looked_at.run_id,
    looked_at.read_at,
    -- A time that the API has never shown says nothing of when a session was seen.
    if(looked_at.last_seen_at <= clock.latest, looked_at.last_seen_at, 0) as last_seen_at
from looked_at
cross join clock;
