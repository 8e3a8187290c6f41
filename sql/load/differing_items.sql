-- Both lists of line items of each session where their texts differ.
select id, incoming_items, stored_items
from item_verdicts
where incoming_items is not null and len(incoming_items) = len(stored_items);
