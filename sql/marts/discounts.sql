-- What coupons and promotion codes gave, and how sessions with them fared.
-- Grain: one row an account, coupon, promotion code and currency. Key: those four.
-- A session with several discounts counts in each of them. What each of them gave is known only
-- where the API shows a breakdown; else the session's whole discount is divided evenly.
-- Units: amounts in the currency's major unit; shares from 0 to 1.
-- Reads: checkout_session_discounts, marts.sessions.
create or replace view marts.discounts as
with

given as (
    select
        discounts.account,
        discounts.coupon,
        discounts.promotion_code,
        sessions.currency,
        sessions.is_complete,
        sessions.is_paid,
        sessions.total_details_amount_discount
            / count(*) over (partition by discounts.account, discounts.session_id)
            as amount_minor
    from main.checkout_session_discounts as discounts
    inner join marts.sessions as sessions
        on discounts.account = sessions.account and discounts.session_id = sessions.id
),

without as (
    select
        sessions.account,
        sessions.currency,
        count(*) as created_count,
        count(*) filter (where sessions.is_complete) as completed_count
    from marts.sessions as sessions
    anti join main.checkout_session_discounts as discounts
        on sessions.account = discounts.account and sessions.id = discounts.session_id
    group by sessions.account, sessions.currency
)

select
    given.account,
    given.coupon,
    given.promotion_code,
    given.currency,
    count(*) as sessions_created,
    count(*) filter (where given.is_complete) as sessions_completed,
    count(*) filter (where given.is_paid) as sessions_paid,
    coalesce(
        major(round(sum(given.amount_minor) filter (where given.is_paid))::bigint, given.currency),
        0
    ) as discount_major,
    sessions_completed / sessions_created as conversion,
    any_value(without.completed_count / without.created_count) as conversion_without_discount
from given
left join without
    on given.account = without.account and given.currency is not distinct from without.currency
group by given.account, given.coupon, given.promotion_code, given.currency;

comment on view marts.discounts is 'One row an account, coupon, promotion code and currency';
comment on column marts.discounts.coupon is 'Coupon id';
comment on column marts.discounts.promotion_code is 'Promotion code id; null where the coupon was applied without one';
comment on column marts.discounts.sessions_paid is 'How often it was used: paid sessions with it';
comment on column marts.discounts.discount_major is 'What it gave in paid sessions, major unit';
comment on column marts.discounts.conversion is 'Completed sessions by created ones, of those with it, 0 to 1';
comment on column marts.discounts.conversion_without_discount is 'The same of the account''s sessions in that currency without any discount';
