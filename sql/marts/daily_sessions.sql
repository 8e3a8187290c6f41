-- What became of the sessions of a day.
-- Grain: one row a day of creation, account, mode and currency. Key: those four.
-- Units: amounts in the currency's major unit, of paid sessions alone; shares from 0 to 1.
-- Reads: marts.sessions.
create or replace view marts.daily_sessions as
select
    account,
    created_date,
    mode,
    currency,
    count(*) as sessions_created,
    count(*) filter (where is_complete) as sessions_completed,
    count(*) filter (where is_paid) as sessions_paid,
    count(*) filter (where status = 'expired') as sessions_expired,
    count(*) filter (where status = 'open') as sessions_open,
    sessions_completed / sessions_created as conversion,
    sessions_paid / sessions_created as paid_share,
    coalesce(major_of_whole(sum(amount_total) filter (where is_paid), currency), 0)
        as paid_amount_major,
    coalesce(major_of_whole(sum(total_details_amount_discount) filter (where is_paid), currency), 0)
        as discount_major,
    coalesce(major_of_whole(sum(total_details_amount_tax) filter (where is_paid), currency), 0)
        as tax_major,
    coalesce(major_of_whole(sum(total_details_amount_shipping) filter (where is_paid), currency), 0)
        as shipping_major,
    paid_amount_major - tax_major - shipping_major as paid_amount_without_tax_and_shipping_major
from marts.sessions
group by account, created_date, mode, currency;

comment on view marts.daily_sessions is 'One row a day of creation, account, mode and currency';
comment on column marts.daily_sessions.sessions_created is 'Sessions created on that day';
comment on column marts.daily_sessions.sessions_completed is 'Those of them that are complete by now';
comment on column marts.daily_sessions.sessions_paid is 'Those of them that are paid by now';
comment on column marts.daily_sessions.sessions_expired is 'Those of them that expired';
comment on column marts.daily_sessions.sessions_open is 'Those of them that are still open';
comment on column marts.daily_sessions.created_date is 'Day of creation, in the time zone of the settings';
comment on column marts.daily_sessions.currency is 'Currency of the amounts; null for sessions without one, as in setup mode';
comment on column marts.daily_sessions.conversion is 'Completed sessions by created ones, 0 to 1';
comment on column marts.daily_sessions.paid_share is 'Paid sessions by created ones, 0 to 1';
comment on column marts.daily_sessions.paid_amount_major is 'Sum of amount_total of the paid sessions, major unit';
comment on column marts.daily_sessions.discount_major is 'Discounts of the paid sessions, major unit';
comment on column marts.daily_sessions.tax_major is 'Taxes of the paid sessions, major unit';
comment on column marts.daily_sessions.shipping_major is 'Shipping of the paid sessions, major unit';
comment on column marts.daily_sessions.paid_amount_without_tax_and_shipping_major is 'Paid amount less its tax and shipping, major unit';
