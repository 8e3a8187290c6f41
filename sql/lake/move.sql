-- From a file, attached as `shop`, to a lake, attached as `lake`, that a sync has made: all that
-- the file knows takes the place of what the lake has.
begin;
delete from lake.main.checkout_sessions;
insert into lake.main.checkout_sessions by name from shop.main.checkout_sessions;
delete from lake.main.checkout_session_line_items;
insert into lake.main.checkout_session_line_items by name from shop.main.checkout_session_line_items;
delete from lake.main.checkout_session_custom_fields;
insert into lake.main.checkout_session_custom_fields by name
from shop.main.checkout_session_custom_fields;
delete from lake.main.checkout_session_discounts;
insert into lake.main.checkout_session_discounts by name from shop.main.checkout_session_discounts;
delete from lake.main.checkout_session_shipping_options;
insert into lake.main.checkout_session_shipping_options by name
from shop.main.checkout_session_shipping_options;
delete from lake.main.checkout_session_tax_ids;
insert into lake.main.checkout_session_tax_ids by name from shop.main.checkout_session_tax_ids;
delete from lake.main.checkout_session_optional_items;
insert into lake.main.checkout_session_optional_items by name
from shop.main.checkout_session_optional_items;
delete from lake.main.checkout_session_history;
insert into lake.main.checkout_session_history by name from shop.main.checkout_session_history;
delete from lake.meta.accounts;
insert into lake.meta.accounts by name from shop.meta.accounts;
delete from lake.meta.coverage;
insert into lake.meta.coverage by name from shop.meta.coverage;
delete from lake.meta.unsettled;
insert into lake.meta.unsettled by name from shop.meta.unsettled;
delete from lake.meta.runs;
insert into lake.meta.runs by name from shop.meta.runs;
delete from lake.meta.rejects;
insert into lake.meta.rejects by name from shop.meta.rejects;
delete from lake.meta.forgotten;
insert into lake.meta.forgotten by name from shop.meta.forgotten;
delete from lake.meta.drift;
insert into lake.meta.drift by name from shop.meta.drift;
commit;
