-- The unsettled sessions, each with how many stored sessions are older than its second and how
-- many up to its end, counted from the oldest of them. A last row without an id counts up to
-- `newest`, the end of what is covered.
-- Grain: one row a session, oldest first.
with

unsettled as (
    select
        id,
        epoch_us(created) // 1000000 as second,
        epoch_us(read_at) // 1000000 as read_at,
        reason
    from meta.unsettled
    where account = $account
    union all
    -- Settled by runs that were to wait for a payment for less long.
    select
        id,
        epoch_us(created) // 1000000 as second,
        epoch_us(observed_at) // 1000000 as read_at,
        'unpaid' as reason
    from checkout_sessions
    where
        account = $account
        and created > to_timestamp($api_time - $late_payment_s)
        and status = 'complete'
        and payment_status = 'unpaid'
        and mode <> 'setup'
        and missing_since is null
        and id not in (select id from meta.unsettled where account = $account)
    union all
    select null, $newest, null, null
),

stored as (
    select epoch_us(created) // 1000000 as second, count(*) as sessions
    from checkout_sessions
    where
        account = $account
        and missing_since is null
        and created >= (select to_timestamp(min(second)) from unsettled where id is not null)
    group by all
),

running as (
    select
        second,
        sessions,
        sum(sessions) over (order by second rows unbounded preceding) as through
    from stored
)

select
    unsettled.id,
    unsettled.second,
    unsettled.read_at,
    unsettled.reason,
    coalesce(
        running.through - if(running.second = unsettled.second, running.sessions, 0), 0
    )::bigint as before,
    coalesce(running.through, 0)::bigint as through
from unsettled
asof left join running on unsettled.second >= running.second
order by unsettled.id is null, unsettled.second, unsettled.id;
