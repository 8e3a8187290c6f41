-- The 20 payments that came longest after completion; the delay lies between the two bounds.
select
    id,
    currency,
    major(amount_total, currency) as amount_major,
    completed_until,
    paid_until,
    round(least_delay_hours, 1) as least_hours,
    round(most_delay_hours, 1) as most_hours
from marts.payment_delays
order by least_delay_hours desc, most_delay_hours desc, id
limit 20;
