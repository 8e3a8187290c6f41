-- Rejected sessions, by the run that read them.
select
    account,
    run_id,
    coalesce(api_version, '') as api_version,
    payload,
    epoch_us(observed_at) // 1000000 as observed_at
from meta.rejects
order by account, run_id, api_version;
