-- One statement a stretch of time, since only bounds that are known beforehand let DuckDB skip what
-- lies outside: a join with all windows would read the whole history between the first and the last.
insert into places
select rowid, epoch_us(created) // 1000000
from checkout_sessions
where
    account = $account
    and created > to_timestamp($after::bigint)
    and created <= to_timestamp($until::bigint);
