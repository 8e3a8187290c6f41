-- Coupons and promotion codes: how often used, what they gave, conversion with and without.
select
    coupon,
    promotion_code,
    currency,
    sessions_paid,
    discount_major,
    round(100 * conversion, 1) as completed_percent,
    round(100 * conversion_without_discount, 1) as without_discount_percent
from marts.discounts
order by sessions_paid desc, coupon, promotion_code, currency;
