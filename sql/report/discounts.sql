-- The coupons and promotion codes that were used most.
with

without as (
    select count(*) filter (where sessions.is_complete) / count(*) as conversion
    from marts.sessions as sessions
    anti join marts.session_discounts as given
        on sessions.account = given.account and sessions.id = given.session_id
    where
        sessions.created_date >= coalesce($first_day::date, sessions.created_date)
        and sessions.created_date < coalesce($end_day::date, sessions.created_date + 1)
        and ($accounts::varchar[] is null or list_contains($accounts::varchar[], sessions.account))
)

select
    coupon,
    promotion_code,
    currency,
    minor_digits(currency) as digits,
    count(*) as created,
    count(*) filter (where is_paid) as paid,
    coalesce(sum(discount_major) filter (where is_paid), 0) as discount,
    count(*) filter (where is_complete) / count(*) as conversion,
    (select without.conversion from without) as conversion_without
from marts.session_discounts
where
    created_date >= coalesce($first_day::date, created_date)
    and created_date < coalesce($end_day::date, created_date + 1)
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
group by coupon, promotion_code, currency
order by paid desc, coupon, promotion_code, currency
limit 15;
