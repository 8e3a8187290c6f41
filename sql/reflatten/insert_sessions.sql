insert into checkout_sessions by name
select * from incoming;

insert into checkout_session_custom_fields by name
select incoming_custom_fields.*, getvariable('account') as account
from incoming_custom_fields;

insert into checkout_session_discounts by name
select incoming_discounts.*, getvariable('account') as account
from incoming_discounts;

insert into checkout_session_shipping_options by name
select incoming_shipping_options.*, getvariable('account') as account
from incoming_shipping_options;

insert into checkout_session_tax_ids by name
select incoming_tax_ids.*, getvariable('account') as account
from incoming_tax_ids;

insert into checkout_session_optional_items by name
select incoming_optional_items.*, getvariable('account') as account
from incoming_optional_items;
