-- The newest stored session of the account that the API still returns.
select id
from checkout_sessions
where account = $account and missing_since is null
order by created desc
limit 1;
