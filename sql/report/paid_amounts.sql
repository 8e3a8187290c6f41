-- Paid amount by day, week or month, and currency.
select
    currency,
    date_trunc($bucket, created_date)::date as bucket,
    sum(paid_amount_major)::double as paid_amount,
    sum(sessions_paid)::bigint as paid
from marts.daily_sessions
where
    sessions_paid > 0
    and created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
group by currency, bucket
order by currency, bucket;
