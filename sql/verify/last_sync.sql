-- When the last complete sync of the account began, API time in epoch seconds.
select max(epoch_us(started_at) // 1000000) as started_at
from meta.runs
where account = $account and kind = 'sync' and outcome like 'completed%';
