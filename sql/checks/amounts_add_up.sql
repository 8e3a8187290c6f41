-- Total = subtotal - discount + shipping + tax, where the tax is exclusive.
-- Inclusive tax is inside the subtotal already, and a session may have both kinds. Amounts that each
-- fit 64 bits may have a sum that doesn't.
select
    account,
    id,
    currency,
    amount_total,
    amount_subtotal,
    total_details_amount_discount,
    total_details_amount_shipping,
    total_details_amount_tax
from checkout_sessions
where
    amount_total - (
        amount_subtotal::hugeint
        - coalesce(total_details_amount_discount, 0)
        + coalesce(total_details_amount_shipping, 0)
    ) not between 0 and coalesce(total_details_amount_tax, 0);
