-- The accounts of which something is stored, and the first second that their last run would read.
select
    account,
    sync_start
from meta.accounts
order by account;
