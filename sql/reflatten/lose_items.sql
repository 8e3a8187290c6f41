-- Sessions of which a line item has no place in the columns any more.
update checkout_sessions set line_items_complete = false
where account = $account and id in (select unnest($ids));
