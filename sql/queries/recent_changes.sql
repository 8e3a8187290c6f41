-- What the last run that changed something changed: from which state, to which, how many.
with

last_run as (
    select run_id
    from meta.runs
    where updated > 0
    order by started_at desc
    limit 1
)

select
    history.status || ', ' || history.payment_status as before,
    sessions.status || ', ' || sessions.payment_status as after,
    count(*) as sessions
from checkout_sessions as sessions
inner join last_run on sessions.run_id = last_run.run_id
inner join checkout_session_history as history
    on
        sessions.account = history.account
        and sessions.id = history.id
        and sessions.observed_at = history.superseded_at
group by all
order by sessions desc, before, after;
