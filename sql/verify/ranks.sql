-- How many stored sessions are older than each of some seconds, and how many up to its end, counted
-- from the oldest of them. Grain: one row a second, oldest first.
with

wanted as (
    select unnest($seconds::bigint[]) as second
),

stored as (
    select epoch_us(created) // 1000000 as second, count(*) as sessions
    from checkout_sessions
    where
        account = $account
        and missing_since is null
        and created >= (select to_timestamp(min(second)) from wanted)
        and created <= (select to_timestamp(max(second)) from wanted)
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
    wanted.second,
    coalesce(
        running.through - if(running.second = wanted.second, running.sessions, 0), 0
    )::bigint as before,
    coalesce(running.through, 0)::bigint as through
from wanted
asof left join running on wanted.second >= running.second
order by wanted.second;
