-- Out of the way of the tables that are made anew.
alter table checkout_sessions rename to checkout_sessions_before;
alter table checkout_session_line_items rename to checkout_session_line_items_before;
drop table checkout_session_custom_fields;
drop table checkout_session_discounts;
drop table checkout_session_shipping_options;
drop table checkout_session_tax_ids;
drop table checkout_session_optional_items;

create or replace temp table drift_found (
    account varchar,
    path varchar,
    type varchar,
    sessions bigint,
    first_seen bigint,
    example_id varchar
);
