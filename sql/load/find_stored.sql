-- What is stored in the windows read, fetched by its place alone, so that it costs the same however
-- long the history is. Grain: one row a session.
create or replace temp table stored as
with

windows_read as (
    select place, max(api_time) as api_time
    from places
    group by place
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
    windows_read.api_time
from checkout_sessions as sessions
inner join windows_read on sessions.rowid = windows_read.place;
