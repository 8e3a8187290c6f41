-- What was sold: the line items of paid sessions.
-- Grain: one row an account, month of creation, product, description and currency. Key: those five.
-- Units: amounts in the currency's major unit.
-- Types: units are a decimal, since a sum of quantities may outgrow a bigint, and a Parquet file
-- would hold a hugeint as a double.
-- Reads: marts.line_items.
create or replace view marts.products as
select
    account,
    created_month,
    price_product as product,
    description,
    currency,
    sum(quantity)::decimal(38, 0) as units,
    major_of_whole(sum(amount_total), currency) as paid_amount_major,
    major_of_whole(sum(amount_discount), currency) as discount_major,
    major_of_whole(sum(amount_tax), currency) as tax_major
from marts.line_items
where is_paid
group by account, created_month, product, description, currency;

comment on view marts.products is 'Line items of paid sessions, one row an account, month, product, description and currency';
comment on column marts.products.created_month is 'First day of the month in which the sessions were created, in the time zone of the settings';
comment on column marts.products.product is 'Product id';
comment on column marts.products.units is 'Sum of the quantities';
comment on column marts.products.paid_amount_major is 'Sum of the items'' amount_total, after discount and with tax, major unit';
comment on column marts.products.discount_major is 'Sum of the items'' discounts, major unit';
comment on column marts.products.tax_major is 'Sum of the items'' taxes, major unit';
