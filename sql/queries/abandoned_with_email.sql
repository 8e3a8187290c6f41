-- The five largest abandoned sessions of the last 30 days in each currency, with an e-mail that has not paid since.
select
    created_local,
    email,
    currency,
    amount_total_major as amount_major,
    consent_promotions,
    after_expiration_recovery_url as recovery_url,
    id
from marts.abandoned_sessions
where
    email is not null
    and amount_total is not null
    and not same_email_paid_later
    and created_date > (select max(created_date) from marts.daily_sessions) - 30
qualify row_number() over (partition by currency order by amount_major desc, id) <= 5
order by count(*) over (partition by currency) desc, currency, amount_major desc, id;
