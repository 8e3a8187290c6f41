-- Runs that had ended in the second of the latest API time. Grain: one row a run.
select run_id
from meta.runs
where
    account = $account
    and outcome <> 'running'
    and ended_at >= to_timestamp($api_time::bigint);
