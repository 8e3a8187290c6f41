-- As `note_places`, for the line items of the sessions that are stored in the windows read.
insert into item_places
select rowid
from checkout_session_line_items
where
    account = $account
    and session_created > to_timestamp($after::bigint)
    and session_created <= to_timestamp($until::bigint)
    and session_id in (select id from stored);
