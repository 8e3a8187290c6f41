-- What is stored in the windows read, fetched by its place alone, so that it costs the same however
-- long the history is. Grain: one row a session.
insert into stored by name
with

inside as (
    select
        places.place,
        max(windows_read.api_time) as api_time
    from places
    inner join windows_read
        on places.created > windows_read."after" and places.created <= windows_read.until
    group by places.place
)

select
    sessions.rowid as place,
    sessions.id,
    sessions.status,
    sessions.payment_status,
    sessions.amount_total,
    sessions.api_version,
    sessions.run_id,
    sessions.observed_at,
    sessions.first_observed_at,
    sessions.missing_since,
    sessions.line_items_complete,
    sessions.payload,
    inside.api_time
from checkout_sessions as sessions
inner join inside on sessions.rowid = inside.place;
