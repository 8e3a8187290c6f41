-- Paid amount of all time by currency, in the currency's major unit.
select
    currency,
    sum(sessions_paid)::bigint as paid_sessions,
    sum(paid_amount_major) as paid_amount_major
from marts.daily_sessions
where sessions_paid > 0
group by currency
order by paid_sessions desc, currency;
