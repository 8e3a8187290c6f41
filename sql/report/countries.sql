-- The countries with the most paid sessions.
select
    country,
    count(*) as completed,
    count(*) filter (where is_paid) as paid
from marts.sessions
where
    is_complete
    and country is not null
    and created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
group by country
order by paid desc, country
limit 12;
