-- The 20 customers with the most paid sessions.
select
    email,
    sessions_paid,
    sessions_created,
    first_paid_session_created,
    last_paid_session_created,
    paid_amount_major_by_currency
from marts.customers
order by sessions_paid desc, email
limit 20;
