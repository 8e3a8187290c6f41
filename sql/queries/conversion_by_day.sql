-- Sessions of the last 14 days by day (UTC): created, completed, paid, and the share completed.
select
    (created at time zone 'UTC')::date as day,
    count(*) as created,
    count(*) filter (where status = 'complete') as completed,
    count(*) filter (where payment_status = 'paid') as paid,
    count(*) filter (where status = 'open') as still_open,
    round(100.0 * count(*) filter (where status = 'complete') / count(*), 1) as completed_percent
from checkout_sessions
where
    missing_since is null
    and created >= (select max(created) from checkout_sessions) - interval 14 days
group by day
order by day desc;
