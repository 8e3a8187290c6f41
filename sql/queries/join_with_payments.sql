-- Paid amount less refunds: an example of a join with other data of Stripe's.
-- Put your own table in place of `refunds`: one row a refund, with its PaymentIntent. Charges and
-- disputes join on payment_intent too; invoices, with a subscription's renewals, on invoice or
-- subscription.
with

refunds as (
    select
        null::varchar as payment_intent,
        null::bigint as amount
    where false
),

refunded as (
    select
        payment_intent,
        sum(amount) as amount
    from refunds
    group by payment_intent
)

select
    sessions.currency,
    count(*) as paid_sessions,
    major(sum(sessions.amount_total), sessions.currency) as paid_amount_major,
    coalesce(major(sum(refunded.amount), sessions.currency), 0) as refunded_amount_major,
    paid_amount_major - refunded_amount_major as paid_less_refunds_major
from marts.sessions as sessions
left join refunded on sessions.payment_intent = refunded.payment_intent
where sessions.is_paid
group by sessions.currency
order by paid_sessions desc, sessions.currency;
