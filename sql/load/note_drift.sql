-- What the columns don't know: a path and type that was seen before counts new versions of sessions
-- alone, so that reading one again changes nothing.
-- Grain of `drifting`: one row a finding in a session.
create or replace temp table drifted as
select
    drifting.path,
    drifting.type,
    count(distinct drifting.id) as sessions,
    count(distinct drifting.id) filter (where verdicts.verdict in ('inserted', 'changed'))
        as new_versions,
    min(drifting.observed_at) as first_seen,
    min_by(drifting.id, drifting.observed_at) as example_id
from drifting
left join verdicts on drifting.id = verdicts.id
group by all;
