-- The mart of discounts gives all that the discounts of paid sessions gave.
with

base as (
    select
        account,
        currency,
        sum(total_details_amount_discount) as discount
    from checkout_sessions
    where
        payment_status = 'paid'
        and missing_since is null
        and (account, id) in (select (account, session_id) from checkout_session_discounts)
    group by account, currency
),

mart as (
    select
        account,
        currency,
        sum(discount_major) as discount_major
    from marts.discounts
    group by account, currency
)

select
    coalesce(base.account, mart.account) as account,
    coalesce(base.currency, mart.currency) as currency,
    major(base.discount, base.currency) as discount_major,
    mart.discount_major as mart_discount_major
from base
full join mart
    on base.account = mart.account and base.currency is not distinct from mart.currency
where coalesce(major(base.discount, base.currency), 0) <> coalesce(mart.discount_major, 0);
