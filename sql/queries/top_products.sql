-- The five products with the largest paid amount of the last 3 months, in each currency.
select
    currency,
    description,
    sum(units) as units_sold,
    sum(paid_amount_major) as paid_amount,
    sum(discount_major) as discount
from marts.products
where created_month > (select max(created_date) from marts.daily_sessions) - interval 3 months
group by currency, product, description
qualify row_number() over (partition by currency order by paid_amount desc, description) <= 5
order by sum(units_sold) over (partition by currency) desc, currency, paid_amount desc;
