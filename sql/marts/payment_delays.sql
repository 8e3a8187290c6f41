-- How long after completion the money came, where it did not come at once.
-- Grain: one row a session that was seen complete and unpaid, and later paid. Key: account, id.
-- Bounds: a moment lies after the one column and not after the other, so the delay lies between
-- least_delay_hours and most_delay_hours. They are as close as the syncs were.
-- Reads: marts.transitions, checkout_sessions.
create or replace view marts.payment_delays as
with

completed as (
    select account, id, max(last_seen_before) as last_before, min(first_seen_after) as first_after
    from marts.transitions
    where from_status = 'open' and to_status = 'complete'
    group by account, id
),

paid as (
    select account, id, max(last_seen_before) as last_before, min(first_seen_after) as first_after
    from marts.transitions
    where
        from_status = 'complete'
        and from_payment_status = 'unpaid'
        and to_payment_status = 'paid'
    group by account, id
)

select
    paid.account,
    paid.id,
    sessions.created,
    sessions.currency,
    sessions.amount_total,
    coalesce(completed.last_before, sessions.created) as completed_after,
    coalesce(completed.first_after, sessions.first_observed_at) as completed_until,
    paid.last_before as paid_after,
    paid.first_after as paid_until,
    greatest(0, epoch(paid_after) - epoch(completed_until)) / 3600 as least_delay_hours,
    (epoch(paid_until) - epoch(completed_after)) / 3600 as most_delay_hours
from paid
inner join main.checkout_sessions as sessions
    on paid.account = sessions.account and paid.id = sessions.id
left join completed on paid.account = completed.account and paid.id = completed.id;

comment on view marts.payment_delays is 'One row a session that was seen complete and unpaid, and later paid';
comment on column marts.payment_delays.completed_after is 'It was completed after this moment';
comment on column marts.payment_delays.completed_until is 'It was completed not after this moment';
comment on column marts.payment_delays.paid_after is 'It was paid after this moment';
comment on column marts.payment_delays.paid_until is 'It was paid not after this moment';
comment on column marts.payment_delays.least_delay_hours is 'Hours from completion to payment, at least';
comment on column marts.payment_delays.most_delay_hours is 'Hours from completion to payment, at most';
