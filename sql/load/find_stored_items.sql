-- What is stored of the line items in the windows read. Grain: one row a line item.
insert into stored_items by name
select
    items.rowid as place,
    items.session_id,
    items.position,
    items.payload,
    items.observed_at
from checkout_session_line_items as items
where items.rowid in (select place from item_places);
