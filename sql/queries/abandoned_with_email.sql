-- The 20 largest abandoned sessions of the last 30 days whose e-mail is known and has not paid since.
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
    and not same_email_paid_later
    and created_date > (select max(created_date) from marts.daily_sessions) - 30
order by amount_major desc nulls last, id
limit 20;
