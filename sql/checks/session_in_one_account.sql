-- A session belongs to one account.
select
    id,
    list(distinct account order by account) as accounts
from checkout_sessions
group by id
having min(account) <> max(account);
