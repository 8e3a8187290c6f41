-- The mart of products holds each line item of a paid session once.
with

base as (
    select
        items.account,
        items.currency,
        sum(items.quantity) as units,
        sum(items.amount_total) as amount_total
    from checkout_session_line_items as items
    inner join checkout_sessions as sessions
        on items.account = sessions.account and items.session_id = sessions.id
    where sessions.payment_status = 'paid' and sessions.missing_since is null
    group by items.account, items.currency
),

mart as (
    select
        account,
        currency,
        sum(units) as units,
        sum(paid_amount_major) as paid_amount_major
    from marts.products
    group by account, currency
)

select
    coalesce(base.account, mart.account) as account,
    coalesce(base.currency, mart.currency) as currency,
    base.units,
    mart.units as mart_units,
    major(base.amount_total, base.currency) as paid_amount_major,
    mart.paid_amount_major as mart_paid_amount_major
from base
full join mart
    on base.account = mart.account and base.currency is not distinct from mart.currency
where
    base.units is distinct from mart.units
    or major(base.amount_total, base.currency) is distinct from mart.paid_amount_major;
