-- What the last run that changed something changed: from which state, to which, how many.
with

last_run as (
    select
        run_id,
        account,
        -- Of fetches side by side the first that ended may have begun after another one.
        date_trunc('second', least(started_at, ended_at - to_seconds(duration_s))) as began_at
    from meta.runs
    where updated > 0
    order by started_at desc
    limit 1
),

states as (
    select
        sessions.account,
        sessions.id,
        -- One that was found the same under other settings has the run, but not its time.
        sessions.run_id = last_run.run_id and sessions.observed_at >= last_run.began_at
            as changed,
        sessions.observed_at,
        sessions.first_observed_at,
        concat_ws(', ', sessions.status, sessions.payment_status) as state
    from checkout_sessions as sessions
    inner join last_run on sessions.account = last_run.account
),

changed_sessions as (
    select
        states.id,
        concat_ws(', ', history.status, history.payment_status) as before,
        states.state as after
    from states
    inner join checkout_session_history as history
        on
            states.account = history.account
            and states.id = history.id
            and states.observed_at = history.superseded_at
    where states.changed
),

-- Sessions that did not change themselves, and whose line items did.
changed_line_items as (
    select distinct
        states.id,
        states.state as before,
        states.state || ', other line items' as after
    from states
    cross join last_run
    inner join checkout_session_line_items as items
        on states.account = items.account and states.id = items.session_id
    where
        not states.changed
        and items.observed_at >= last_run.began_at
        and items.observed_at > states.first_observed_at
),

changes as (
    select * from changed_sessions
    union all
    select * from changed_line_items
)

select
    before,
    after,
    count(*) as sessions
from changes
group by before, after
order by sessions desc, before, after;
