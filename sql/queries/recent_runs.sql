-- The last 20 runs: what they read and how they ended.
select account, kind, outcome, started_at, requests, sessions_read, inserted, updated, duration_s
from meta.runs
order by started_at desc nulls last
limit 20;
