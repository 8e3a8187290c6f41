-- A session is stored once in its account.
select
    account,
    id,
    count(*) as stored
from checkout_sessions
group by account, id
having stored > 1;
