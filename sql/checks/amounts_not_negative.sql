-- No amount is less than nothing.
select
    account,
    id,
    currency,
    amount_total
from checkout_sessions
where
    least(
        amount_total,
        amount_subtotal,
        total_details_amount_discount,
        total_details_amount_shipping,
        total_details_amount_tax
    ) < 0;
