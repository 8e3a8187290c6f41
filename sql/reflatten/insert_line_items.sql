insert into checkout_session_line_items by name
select incoming_line_items.*, $account as account
from incoming_line_items;
