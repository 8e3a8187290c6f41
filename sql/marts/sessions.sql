-- Sessions ready to use: the columns of checkout_sessions unchanged, and what follows from them.
-- Grain: one row a session that the API still returns. Key: account, id.
-- Units: minor, as in the base table; columns that end in _major are in the major unit.
-- Reads: checkout_sessions, meta.accounts, meta.settings.
create or replace view marts.sessions as
with

-- The zone of the days, by name: a connection's own TimeZone setting plays no part.
local_times as (
    select
        sessions.*,
        timezone((select settings.timezone from meta.settings as settings), sessions.created)
            as created_local
    from main.checkout_sessions as sessions
    where sessions.missing_since is null
)

select
    local_times.*,
    local_times.created_local::date as created_date,
    date_trunc('month', local_times.created_local)::date as created_month,
    major_of_whole(local_times.amount_subtotal, local_times.currency) as amount_subtotal_major,
    major_of_whole(local_times.amount_total, local_times.currency) as amount_total_major,
    major_of_whole(local_times.total_details_amount_discount, local_times.currency)
        as total_details_amount_discount_major,
    major_of_whole(local_times.total_details_amount_shipping, local_times.currency)
        as total_details_amount_shipping_major,
    major_of_whole(local_times.total_details_amount_tax, local_times.currency)
        as total_details_amount_tax_major,
    major_of_whole(
        local_times.presentment_details_presentment_amount,
        local_times.presentment_details_presentment_currency
    ) as presentment_details_presentment_amount_major,
    lower(trim(coalesce(local_times.customer_details_email, local_times.customer_email)))
        as email,
    coalesce(
        local_times.customer_details_address_country,
        local_times.collected_information_shipping_details_address_country
    ) as country,
    coalesce(local_times.status = 'complete', false) as is_complete,
    coalesce(local_times.payment_status = 'paid', false) as is_paid,
    -- Past its end and not yet read as expired: the API's own time, never this machine's.
    coalesce(
        local_times.status = 'expired'
        or (
            local_times.status = 'open'
            and local_times.expires_at <= to_timestamp(accounts.api_time)
        ),
        false
    ) as is_abandoned,
    case
        when local_times.payment_status = 'paid' then 'paid'
        when local_times.status = 'complete' and local_times.payment_status = 'unpaid'
            then 'awaiting_payment'
        when local_times.status = 'complete' then 'complete_without_payment'
        when is_abandoned then 'abandoned'
        when local_times.status = 'open' then 'open'
    end as outcome
from local_times
left join meta.accounts as accounts on local_times.account = accounts.account;

comment on view marts.sessions is 'One row a session that the API still returns, with what follows from its fields';
comment on column marts.sessions.created_local is 'created, in the time zone of the settings';
comment on column marts.sessions.created_date is 'Day of created, in the time zone of the settings';
comment on column marts.sessions.created_month is 'First day of the month of created, likewise';
comment on column marts.sessions.amount_subtotal_major is 'amount_subtotal in the major unit';
comment on column marts.sessions.amount_total_major is 'amount_total in the major unit';
comment on column marts.sessions.total_details_amount_discount_major is 'Sum of the discounts in the major unit';
comment on column marts.sessions.total_details_amount_shipping_major is 'Sum of the shipping in the major unit';
comment on column marts.sessions.total_details_amount_tax_major is 'Sum of the taxes in the major unit';
comment on column marts.sessions.presentment_details_presentment_amount_major is 'Amount shown to the customer, in the major unit of their currency';
comment on column marts.sessions.email is 'E-mail the customer gave, else the prefilled one; lower case';
comment on column marts.sessions.country is 'Country of the customer''s address, else of the shipping address';
comment on column marts.sessions.is_complete is 'Whether its status is complete';
comment on column marts.sessions.is_paid is 'Whether its payment status is paid; it stays so after a refund';
comment on column marts.sessions.is_abandoned is 'Whether it expired, or is open past its end';
comment on column marts.sessions.outcome is 'paid, awaiting_payment, complete_without_payment, abandoned or open';
