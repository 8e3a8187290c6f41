-- Sessions whose line items are lacking are read again by the next sync.
insert into meta.unsettled by name
select
    account,
    id,
    created,
    observed_at as read_at,
    'partial' as reason
from checkout_sessions
where
    not line_items_complete
    and missing_since is null
    and (account, id) not in (select (account, id) from meta.unsettled);
