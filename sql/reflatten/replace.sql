-- The new tables hold all that the old ones had.
drop table checkout_sessions_before;
drop table checkout_session_line_items_before;

create or replace temp table drift_before as
from meta.drift;

delete from meta.drift;

insert into meta.drift by name
select
    found.account,
    found.path,
    found.type,
    coalesce(any_value(drift_before.first_seen), to_timestamp(min(found.first_seen)))
        as first_seen,
    sum(found.sessions)::bigint as sessions,
    coalesce(
        any_value(drift_before.example_id), min_by(found.example_id, found.first_seen)
    ) as example_id
from drift_found as found
left join drift_before
    on
        found.account = drift_before.account
        and found.path = drift_before.path
        and found.type = drift_before.type
group by found.account, found.path, found.type;
