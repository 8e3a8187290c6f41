-- The lists of new sessions, and of changed ones in place of the deleted version.
insert into checkout_session_custom_fields by name
select incoming_custom_fields.*, getvariable('batch').account as account
from incoming_custom_fields
inner join verdicts on incoming_custom_fields.session_id = verdicts.id
where verdicts.verdict in ('inserted', 'changed');

insert into checkout_session_discounts by name
select incoming_discounts.*, getvariable('batch').account as account
from incoming_discounts
inner join verdicts on incoming_discounts.session_id = verdicts.id
where verdicts.verdict in ('inserted', 'changed');

insert into checkout_session_shipping_options by name
select incoming_shipping_options.*, getvariable('batch').account as account
from incoming_shipping_options
inner join verdicts on incoming_shipping_options.session_id = verdicts.id
where verdicts.verdict in ('inserted', 'changed');

insert into checkout_session_tax_ids by name
select incoming_tax_ids.*, getvariable('batch').account as account
from incoming_tax_ids
inner join verdicts on incoming_tax_ids.session_id = verdicts.id
where verdicts.verdict in ('inserted', 'changed');

insert into checkout_session_optional_items by name
select incoming_optional_items.*, getvariable('batch').account as account
from incoming_optional_items
inner join verdicts on incoming_optional_items.session_id = verdicts.id
where verdicts.verdict in ('inserted', 'changed');
