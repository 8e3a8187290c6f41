-- The products with the largest paid amount, by currency: eight each.
select
    currency,
    coalesce(description, price_product, 'unnamed') as product,
    sum(quantity)::double as units,
    sum(amount_total_major)::double as paid_amount
from marts.line_items
where
    is_paid
    and created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
group by currency, product
qualify row_number() over (partition by currency order by paid_amount desc, product) <= 8
order by currency, paid_amount desc, product;
