-- What was found in one part. Grain: one row a path and type.
insert into drift_found by name
select
    $account as account,
    path,
    type,
    count(distinct id) as sessions,
    min(observed_at) as first_seen,
    min_by(id, observed_at) as example_id
from drifting
group by all;
