-- How long after completion the money came, where it did not come at once.
-- Grain: one row a session that was seen complete and unpaid, and later paid. Key: account, id.
-- Bounds: a moment lies after the one column and not after the other, so the delay lies between
-- least_delay_hours and most_delay_hours. They are as close as the syncs were.
-- Reads: marts.transitions.
create or replace view marts.payment_delays as
with

bounds as (
    select
        account,
        id,
        any_value(created) as created,
        any_value(created_date) as created_date,
        any_value(currency) as currency,
        any_value(amount_total) as amount_total,
        any_value(first_observed_at) as first_observed_at,
        max(last_seen_before) filter (
            where from_status = 'open' and to_status = 'complete'
        ) as completed_after,
        min(first_seen_after) filter (
            where from_status = 'open' and to_status = 'complete'
        ) as completed_until,
        max(last_seen_before) filter (
            where from_payment_status = 'unpaid' and from_status = 'complete'
        ) as paid_after,
        min(first_seen_after) filter (
            where from_payment_status = 'unpaid' and from_status = 'complete'
        ) as paid_until
    from marts.transitions
    where
        to_status = 'complete'
        and (from_status = 'open' or (from_payment_status = 'unpaid' and to_payment_status = 'paid'))
    group by account, id
    having paid_until is not null
)

select
    account,
    id,
    created,
    created_date,
    currency,
    amount_total,
    -- One that was never seen open was completed between its creation and its first sight.
    coalesce(bounds.completed_after, created) as completed_after,
    coalesce(bounds.completed_until, first_observed_at) as completed_until,
    paid_after,
    paid_until,
    greatest(0, epoch(paid_after) - epoch(coalesce(bounds.completed_until, first_observed_at)))
    / 3600 as least_delay_hours,
    (epoch(paid_until) - epoch(coalesce(bounds.completed_after, created)))
    / 3600 as most_delay_hours
from bounds;

comment on view marts.payment_delays is 'One row a session that was seen complete and unpaid, and later paid';
comment on column marts.payment_delays.created_date is 'Day of created, in the time zone of the settings';
comment on column marts.payment_delays.completed_after is 'It was completed after this moment';
comment on column marts.payment_delays.completed_until is 'It was completed not after this moment';
comment on column marts.payment_delays.paid_after is 'It was paid after this moment';
comment on column marts.payment_delays.paid_until is 'It was paid not after this moment';
comment on column marts.payment_delays.least_delay_hours is 'Hours from completion to payment, at least';
comment on column marts.payment_delays.most_delay_hours is 'Hours from completion to payment, at most';
