-- Conversion week over week: share completed, share paid, and the change to the week before.
with

weeks as (
    select
        date_trunc('week', created_date)::date as week,
        sum(sessions_created)::bigint as created,
        sum(sessions_completed)::bigint as completed,
        sum(sessions_paid)::bigint as paid
    from marts.daily_sessions
    group by week
)

select
    week,
    created,
    completed,
    paid,
    round(100.0 * completed / created, 1) as completed_percent,
    round(100.0 * paid / created, 1) as paid_percent,
    round(completed_percent - lag(completed_percent) over (order by week), 1) as change_points
from weeks
order by week desc
limit 12;
