-- What became of the sessions.
select
    count(*) as created,
    count(*) filter (where is_complete) as completed,
    count(*) filter (where is_paid) as paid,
    count(*) filter (where is_abandoned) as abandoned,
    count(*) filter (where outcome = 'awaiting_payment') as awaiting_payment,
    count(*) filter (where outcome = 'open') as still_open,
    count(*) filter (where mode = 'setup') as without_amount
from marts.sessions
where
    created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account));
