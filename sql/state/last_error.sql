-- The latest failure of one account.
select run_id, ended_at as at, error_type as type, error_message as message, request_id
from meta.runs
where account = $account and outcome = 'failed'
order by started_at desc nulls last, rowid desc
limit 1;
