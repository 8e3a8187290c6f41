-- The 20 largest expired sessions of the last 30 days with an e-mail to write to.
select
    (created at time zone 'UTC')::timestamp as created_utc,
    coalesce(customer_details_email, customer_email) as email,
    currency,
    major(amount_total, currency) as amount_major,
    id
from checkout_sessions
where
    status = 'expired'
    and missing_since is null
    and coalesce(customer_details_email, customer_email) is not null
    and created >= (select max(created) from checkout_sessions) - interval 30 days
order by amount_major desc nulls last, id
limit 20;
