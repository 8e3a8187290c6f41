-- Sessions of a person in any of their versions, or named by id. Grain: one row a session.
with

versions as (
    select id, payload::varchar as payload from checkout_sessions
    union all
    select id, payload::varchar as payload from checkout_session_history
    union all
    select id, payload from meta.rejects
),

-- A half of a surrogate pair, for which a session was rejected, would hide all that is beside it.
whole as (
    select
        id,
        if(
            json_valid(payload),
            payload,
            regexp_replace(payload, '\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\\ufffd', 'g')
        ) as payload
    from versions
),

read as (
    select
        id,
        if(json_valid(payload), payload, '{}') as payload
    from whole
),

told as (
    select
        id,
        coalesce(payload ->> '$.customer.id', payload ->> '$.customer') as customer,
        payload ->> '$.customer_account' as customer_account,
        lower(payload ->> '$.customer_email') as prefilled_email,
        lower(payload ->> '$.customer_details.email') as email
    from read
)

select distinct id
from told
where
    list_contains($sessions::varchar[], id)
    or list_contains($customers::varchar[], customer)
    or list_contains($customers::varchar[], customer_account)
    or list_contains($emails::varchar[], prefilled_email)
    or list_contains($emails::varchar[], email)
order by id;
