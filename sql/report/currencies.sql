-- Paid amounts by currency, the most used first.
select
    currency,
    minor_digits(currency) as digits,
    sum(sessions_paid)::bigint as paid,
    sum(paid_amount_major) as paid_amount,
    sum(discount_major) as discount,
    sum(tax_major) as tax,
    sum(shipping_major) as shipping,
    sum(paid_amount_without_tax_and_shipping_major) as without_tax_and_shipping
from marts.daily_sessions
where
    sessions_paid > 0
    and currency is not null
    and created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
group by currency
order by paid desc, currency;
