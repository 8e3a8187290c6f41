-- The latest runs of one account, the newest first. One without a response is later than the run whose
-- API time it has.
select
    run_id, kind, outcome, started_at, ended_at, requests, sessions_read,
    inserted, updated, unchanged, rejected, round(duration_s, 3) as duration_s
from meta.runs
where account = $account
order by started_at desc nulls last, pages = 0 desc
limit 5;
