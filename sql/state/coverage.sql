select "after", until
from meta.coverage
where account = $account
order by "after";
