-- Sessions of a window that could not be stored.
select id
from meta.rejects
where
    account = $account
    and created > to_timestamp($after::bigint)
    and created <= to_timestamp($until::bigint);
