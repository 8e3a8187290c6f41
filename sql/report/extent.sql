-- How many sessions there are, and from which day to which.
select
    count(*) as sessions,
    min(created_date) as first_date,
    max(created_date) as last_date,
    (select timezone from meta.settings) as timezone
from marts.sessions
where
    created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account));
