-- Customers, told by their e-mail.
-- Grain: one row an account and e-mail (lower case). Key: account, email.
-- Units: amounts in the major unit, by currency.
-- Reads: marts.sessions.
create or replace view marts.customers as
with

by_currency as (
    select
        account,
        email,
        currency,
        count(*) as sessions,
        count(*) filter (where is_complete) as completed,
        count(*) filter (where is_paid) as paid,
        count(*) filter (where is_abandoned) as abandoned,
        min(created) as first_created,
        max(created) as last_created,
        min(created) filter (where is_paid) as first_paid,
        max(created) filter (where is_paid) as last_paid,
        sum(amount_total) filter (where is_paid) as paid_minor
    from marts.sessions
    where email is not null
    group by account, email, currency
)

select
    account,
    email,
    sum(sessions)::bigint as sessions_created,
    sum(completed)::bigint as sessions_completed,
    sum(paid)::bigint as sessions_paid,
    sum(abandoned)::bigint as sessions_abandoned,
    min(first_created) as first_session_created,
    max(last_created) as last_session_created,
    min(first_paid) as first_paid_session_created,
    max(last_paid) as last_paid_session_created,
    map_from_entries(
        list((currency, major_of_whole(paid_minor, currency)) order by currency) filter (
            where paid_minor is not null and currency is not null
        )
    ) as paid_amount_major_by_currency
from by_currency
group by account, email;

comment on view marts.customers is 'One row an account and e-mail';
comment on column marts.customers.sessions_created is 'Sessions with that e-mail';
comment on column marts.customers.sessions_completed is 'Those of them that are complete';
comment on column marts.customers.sessions_paid is 'Those of them that are paid';
comment on column marts.customers.sessions_abandoned is 'Those of them that were abandoned';
comment on column marts.customers.first_session_created is 'When the first of them was created';
comment on column marts.customers.last_session_created is 'When the last of them was created';
comment on column marts.customers.email is 'E-mail in lower case';
comment on column marts.customers.first_paid_session_created is 'When the first session that is paid was created';
comment on column marts.customers.last_paid_session_created is 'When the last session that is paid was created';
comment on column marts.customers.paid_amount_major_by_currency is 'Sum of amount_total of the paid sessions in the major unit, by currency; null without any';
