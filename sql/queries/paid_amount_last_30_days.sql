-- Paid amount of the last 30 days by currency, and without tax and shipping.
select
    currency,
    sum(sessions_paid)::bigint as paid_sessions,
    sum(paid_amount_major) as paid_amount_major,
    sum(tax_major) as tax_major,
    sum(shipping_major) as shipping_major,
    sum(paid_amount_without_tax_and_shipping_major) as without_tax_and_shipping_major
from marts.daily_sessions
where
    sessions_paid > 0
    and created_date > (select max(created_date) from marts.daily_sessions) - 30
group by currency
order by paid_sessions desc, currency;
