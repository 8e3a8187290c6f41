-- Share of the sessions that were abandoned, by weekday (1 is Monday) and hour of creation.
select
    isodow(created_local) as weekday,
    hour(created_local) as hour,
    count(*) as created,
    count(*) filter (where is_abandoned) as abandoned
from marts.sessions
where
    created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
group by weekday, hour
order by weekday, hour;
