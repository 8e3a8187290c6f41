-- Sessions that nobody finished, with what is needed to win their customers back.
-- Grain: one row an abandoned session: expired, or open past its end. Key: account, id.
-- Units: amount_total in the minor unit, amount_total_major in the major unit.
-- Reads: marts.sessions.
create or replace view marts.abandoned_sessions as
with

paid as (
    select account, email, created, id
    from marts.sessions
    where is_paid and email is not null
),

recovering as (
    select account, recovered_from, arg_max(id, (is_paid, created)) as id
    from marts.sessions
    where recovered_from is not null
    group by account, recovered_from
)

select
    sessions.account,
    sessions.id,
    sessions.status,
    sessions.created,
    sessions.created_local,
    sessions.created_date,
    sessions.expires_at,
    sessions.mode,
    sessions.email,
    sessions.country,
    sessions.currency,
    sessions.amount_total,
    sessions.amount_total_major,
    sessions.payment_link,
    sessions.after_expiration_recovery_url,
    sessions.after_expiration_recovery_expires_at,
    sessions.consent_promotions,
    recovering.id as recovered_by,
    paid.id is not null as same_email_paid_later,
    paid.id as later_paid_session,
    paid.created as later_paid_session_created
from marts.sessions as sessions
asof left join paid
    on
        sessions.account = paid.account
        and sessions.email = paid.email
        and sessions.created < paid.created
left join recovering
    on sessions.account = recovering.account and sessions.id = recovering.recovered_from
where sessions.is_abandoned;

comment on view marts.abandoned_sessions is 'One row a session that expired, or is open past its end';
comment on column marts.abandoned_sessions.created_local is 'created, in the time zone of the settings';
comment on column marts.abandoned_sessions.created_date is 'Day of created, in the time zone of the settings';
comment on column marts.abandoned_sessions.email is 'E-mail the customer gave, else the prefilled one; lower case';
comment on column marts.abandoned_sessions.country is 'Country of the customer''s address, else of the shipping address';
comment on column marts.abandoned_sessions.amount_total_major is 'What the customer would have paid, major unit';
comment on column marts.abandoned_sessions.recovered_by is 'Session that was made from its recovery link';
comment on column marts.abandoned_sessions.same_email_paid_later is 'Whether a session created later with the same e-mail is paid';
comment on column marts.abandoned_sessions.later_paid_session is 'The first such session';
comment on column marts.abandoned_sessions.later_paid_session_created is 'When that one was created';
