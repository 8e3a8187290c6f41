-- Some of the old line items, as they lie. Grain: one row a line item.
select
    account,
    session_id,
    epoch_us(session_created) // 1000000 as session_created,
    "position",
    payload::varchar as payload,
    epoch_us(observed_at) // 1000000 as observed_at
from checkout_session_line_items_before
where rowid >= $first and rowid < $end;
