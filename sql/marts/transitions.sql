-- When a session was seen to change its status or payment status.
-- Grain: one row a change that was seen. Key: account, id, first_seen_after.
-- Bounds: the change itself lies after last_seen_before, when the session was last read and still
-- as before, and not after first_seen_after, when it was first read as it is since. What a session
-- was before it was first read is not known.
-- Reads: checkout_session_history, marts.sessions.
create or replace view marts.transitions as
with

changed as (
    select distinct account, id
    from main.checkout_session_history
),

versions as (
    select
        account,
        id,
        status,
        payment_status,
        observed_at,
        superseded_at,
        greatest(observed_at, last_seen_at) as last_seen_at
    from main.checkout_session_history
    union all
    select
        sessions.account,
        sessions.id,
        sessions.status,
        sessions.payment_status,
        sessions.observed_at,
        null as superseded_at,
        null as last_seen_at
    from marts.sessions as sessions
    semi join changed on sessions.account = changed.account and sessions.id = changed.id
),

steps as (
    select
        account,
        id,
        lag(status) over version_order as from_status,
        lag(payment_status) over version_order as from_payment_status,
        status as to_status,
        payment_status as to_payment_status,
        lag(last_seen_at) over version_order as last_seen_before,
        observed_at as first_seen_after
    from versions
    window version_order as (
        partition by account, id order by superseded_at nulls last, observed_at
    )
)

select
    steps.account,
    steps.id,
    sessions.created,
    sessions.created_date,
    sessions.mode,
    sessions.currency,
    sessions.amount_total,
    sessions.first_observed_at,
    steps.from_status,
    steps.from_payment_status,
    steps.to_status,
    steps.to_payment_status,
    steps.last_seen_before,
    steps.first_seen_after
from steps
inner join marts.sessions as sessions
    on steps.account = sessions.account and steps.id = sessions.id
where
    steps.last_seen_before is not null
    and (
        steps.from_status is distinct from steps.to_status
        or steps.from_payment_status is distinct from steps.to_payment_status
    );

comment on view marts.transitions is 'One row a change of status or payment status that was seen';
comment on column marts.transitions.from_status is 'status before';
comment on column marts.transitions.from_payment_status is 'payment_status before';
comment on column marts.transitions.to_status is 'status after';
comment on column marts.transitions.to_payment_status is 'payment_status after';
comment on column marts.transitions.created_date is 'Day of created, in the time zone of the settings';
comment on column marts.transitions.last_seen_before is 'API time when it was last read as before: the change is later';
comment on column marts.transitions.first_seen_after is 'API time when it was first read as changed: the change is not later';
