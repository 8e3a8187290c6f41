-- Sessions by day, week or month.
select
    date_trunc($bucket, created_date)::date as bucket,
    sum(sessions_created)::bigint as created,
    sum(sessions_completed)::bigint as completed,
    sum(sessions_paid)::bigint as paid,
    sum(sessions_expired)::bigint as expired,
    sum(sessions_open)::bigint as still_open
from marts.daily_sessions
where
    created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
group by bucket
order by bucket;
