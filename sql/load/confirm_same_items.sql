-- Sessions whose line items differ in text alone.
update item_verdicts set verdict = 'same'
where id in (select unnest($ids));
