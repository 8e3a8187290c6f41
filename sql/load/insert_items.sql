-- Line items of new sessions, and those that differ from what was stored.
insert into checkout_session_line_items by name
select incoming_line_items.*, $account as account
from incoming_line_items
inner join completeness on incoming_line_items.session_id = completeness.id
where completeness.verdict = 'replaced';
