insert into meta.drift by name
select
    $account as account,
    drifted.path,
    drifted.type,
    to_timestamp(drifted.first_seen) as first_seen,
    drifted.sessions,
    drifted.example_id
from drifted
left join meta.drift as known
    on known.account = $account and drifted.path = known.path and drifted.type = known.type
where known.path is null;
