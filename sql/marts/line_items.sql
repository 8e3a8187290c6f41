-- Line items with what is known of their session.
-- Grain: one row a line item of a session that the API still returns. Key: account, session_id,
-- position.
-- Units: minor, as in the base table; columns that end in _major are in the major unit.
-- Reads: checkout_session_line_items, marts.sessions.
create or replace view marts.line_items as
select
    items.account,
    items.session_id,
    items.position,
    items.id,
    sessions.created_date,
    sessions.created_month,
    sessions.mode,
    sessions.country,
    sessions.is_complete,
    sessions.is_paid,
    items.price_product,
    items.price_id,
    items.description,
    items.quantity,
    items.currency,
    items.amount_subtotal,
    items.amount_discount,
    items.amount_tax,
    items.amount_total,
    major_of_whole(items.amount_subtotal, items.currency) as amount_subtotal_major,
    major_of_whole(items.amount_discount, items.currency) as amount_discount_major,
    major_of_whole(items.amount_tax, items.currency) as amount_tax_major,
    major_of_whole(items.amount_total, items.currency) as amount_total_major
from main.checkout_session_line_items as items
inner join marts.sessions as sessions
    on items.account = sessions.account and items.session_id = sessions.id;

comment on view marts.line_items is 'One row a line item, with what is known of its session';
comment on column marts.line_items.created_date is 'Day on which the session was created, in the time zone of the settings';
comment on column marts.line_items.created_month is 'First day of the month in which the session was created, likewise';
comment on column marts.line_items.country is 'Country of the session';
comment on column marts.line_items.is_complete is 'Whether the session is complete';
comment on column marts.line_items.is_paid is 'Whether the session is paid';
comment on column marts.line_items.amount_subtotal_major is 'Total before discount and tax, major unit';
comment on column marts.line_items.amount_discount_major is 'Sum of its discounts, major unit';
comment on column marts.line_items.amount_tax_major is 'Sum of its taxes, major unit';
comment on column marts.line_items.amount_total_major is 'Total after discount and tax, major unit';
