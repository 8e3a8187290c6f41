-- What was sold: the line items of paid sessions.
-- Grain: one row an account, month of creation, product, description and currency. Key: those five.
-- Units: amounts in the currency's major unit.
-- Reads: checkout_session_line_items, marts.sessions.
create or replace view marts.products as
select
    items.account,
    sessions.created_month,
    items.price_product as product,
    items.description,
    items.currency,
    count(distinct items.session_id) as sessions_paid,
    sum(items.quantity)::bigint as units,
    major(sum(items.amount_total), items.currency) as paid_amount_major,
    major(sum(items.amount_discount), items.currency) as discount_major,
    major(sum(items.amount_tax), items.currency) as tax_major
from main.checkout_session_line_items as items
inner join marts.sessions as sessions
    on items.account = sessions.account and items.session_id = sessions.id
where sessions.is_paid
group by items.account, sessions.created_month, product, items.description, items.currency;

comment on view marts.products is 'Line items of paid sessions, one row an account, month, product, description and currency';
comment on column marts.products.created_month is 'First day of the month in which the sessions were created, in the time zone of the settings';
comment on column marts.products.product is 'Product id';
comment on column marts.products.units is 'Sum of the quantities';
comment on column marts.products.paid_amount_major is 'Sum of the items'' amount_total, after discount and with tax, major unit';
comment on column marts.products.discount_major is 'Sum of the items'' discounts, major unit';
comment on column marts.products.tax_major is 'Sum of the items'' taxes, major unit';
