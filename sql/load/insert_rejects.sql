insert into meta.rejects by name
select
    $account as account,
    id,
    to_timestamp(created) as created,
    reason,
    payload,
    to_timestamp(observed_at) as observed_at,
    $run_id as run_id
from rejected;
