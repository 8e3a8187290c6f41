-- The latest runs of one account, the newest first. One without a response has the API time of
-- the run before it, so the order in which they were written tells.
select
    run_id, kind, outcome, started_at, ended_at, requests, sessions_read,
    inserted, updated, unchanged, rejected, round(duration_s, 3) as duration_s
from meta.runs
where account = $account
order by started_at desc nulls last, rowid desc
limit 5;
