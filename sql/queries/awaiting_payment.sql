-- Completed sessions whose money has not come yet, by currency and age.
with

waiting as (
    select
        currency,
        amount_total_major,
        (select max(created_date) from marts.daily_sessions) - created_date as age_days
    from marts.sessions
    where outcome = 'awaiting_payment'
)

select
    currency,
    case
        when age_days < 3 then '0 to 2 days'
        when age_days < 14 then '3 to 13 days'
        else '14 days or more'
    end as age,
    count(*) as sessions,
    sum(amount_total_major) as amount_major
from waiting
group by all
order by currency, min(age_days);
