-- Sessions of the last 14 days by day: created, completed, paid, and the share completed.
select
    created_date as day,
    sum(sessions_created)::bigint as created,
    sum(sessions_completed)::bigint as completed,
    sum(sessions_paid)::bigint as paid,
    sum(sessions_open)::bigint as still_open,
    round(100.0 * completed / created, 1) as completed_percent
from marts.daily_sessions
where created_date > (select max(created_date) from marts.daily_sessions) - 14
group by day
order by day desc;
