-- From creation to payment, of the sessions that were seen before they were paid; each at its
-- latest possible moment. Grain: one row a class of time, in hours.
with

paid as (
    select epoch(first_seen_after - created) / 3600 as most_hours
    from marts.transitions
    where
        to_payment_status = 'paid'
        and created_date >= coalesce($first_day::date, created_date)
        and created_date < coalesce($end_day::date, created_date + 1)
        and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
),

classes (place, label, from_hours, to_hours) as (
    values
    (1, '1 hour', 0, 1),
    (2, '6 hours', 1, 6),
    (3, '1 day', 6, 24),
    (4, '3 days', 24, 72),
    (5, '1 week', 72, 168),
    (6, '2 weeks', 168, 336),
    (7, 'longer', 336, 1e9)
)

select
    classes.place,
    classes.label,
    count(paid.most_hours) as paid
from classes
left join paid
    on classes.from_hours <= paid.most_hours and classes.to_hours > paid.most_hours
group by classes.place, classes.label
order by classes.place;
