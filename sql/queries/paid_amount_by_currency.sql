-- Paid amount of all time by currency, in the currency's major unit.
select
    currency,
    count(*) as paid_sessions,
    sum(major(amount_total, currency)) as paid_amount_major
from checkout_sessions
where payment_status = 'paid' and missing_since is null
group by currency
order by paid_sessions desc, currency;
