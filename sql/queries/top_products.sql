-- The 20 products with the largest paid amount of the last 3 months, by currency.
select
    currency,
    description,
    sum(units)::bigint as units_sold,
    sum(paid_amount_major) as paid_amount,
    sum(discount_major) as discount
from marts.products
where
    created_month
    > (select max(created_date) from marts.daily_sessions) - interval 3 months
group by currency, product, description
order by units_sold desc, currency, description
limit 20;
