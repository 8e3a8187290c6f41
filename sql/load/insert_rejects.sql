-- One row a session: the latest that was seen of it, unless it was seen to fit since then.
insert into meta.rejects by name
select
    $account as account,
    rejected.id,
    to_timestamp(rejected.created) as created,
    rejected.reason,
    rejected.payload,
    to_timestamp(rejected.observed_at) as observed_at,
    $run_id as run_id,
    $api_version as api_version
from rejected
left join meta.rejects as newer on newer.account = $account and rejected.id = newer.id
left join meta.unsettled as unsettled
    on unsettled.account = $account and rejected.id = unsettled.id
left join checkout_sessions as stored
    on
        stored.account = $account
        and rejected.id = stored.id
        and stored.created = to_timestamp(rejected.created)
        and greatest(stored.observed_at, unsettled.read_at) > to_timestamp(rejected.observed_at)
where newer.id is null and stored.id is null;
