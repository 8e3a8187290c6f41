-- Some of the old sessions, as they lie. Grain: one row a session.
select
    account,
    payload::varchar as payload,
    api_version,
    first_observed_at,
    observed_at,
    line_items_complete,
    missing_since,
    run_id
from checkout_sessions_before
where rowid >= $first and rowid < $end;
