-- What coupons and promotion codes gave, and how sessions with them fared.
-- Grain: one row an account, coupon, promotion code and currency. Key: those four.
-- Units: amounts in the currency's major unit; shares from 0 to 1.
-- Reads: marts.session_discounts, marts.sessions.
create or replace view marts.discounts as
with

without as (
    select
        sessions.account,
        sessions.currency,
        count(*) as created_count,
        count(*) filter (where sessions.is_complete) as completed_count
    from marts.sessions as sessions
    anti join marts.session_discounts as given
        on sessions.account = given.account and sessions.id = given.session_id
    group by sessions.account, sessions.currency
)

select
    given.account,
    given.coupon,
    given.promotion_code,
    given.currency,
    count(distinct given.session_id) as sessions_created,
    count(distinct given.session_id) filter (where given.is_complete) as sessions_completed,
    count(distinct given.session_id) filter (where given.is_paid) as sessions_paid,
    coalesce(sum(given.discount_major) filter (where given.is_paid), 0) as discount_major,
    sessions_completed / sessions_created as conversion,
    any_value(without.completed_count / without.created_count) as conversion_without_discount
from marts.session_discounts as given
left join without
    on given.account = without.account and given.currency is not distinct from without.currency
group by given.account, given.coupon, given.promotion_code, given.currency;

comment on view marts.discounts is 'One row an account, coupon, promotion code and currency';
comment on column marts.discounts.sessions_created is 'Sessions with it';
comment on column marts.discounts.sessions_completed is 'Those of them that are complete';
comment on column marts.discounts.coupon is 'Coupon id';
comment on column marts.discounts.promotion_code is 'Promotion code id; null where the coupon was applied without one';
comment on column marts.discounts.sessions_paid is 'How often it was used: paid sessions with it';
comment on column marts.discounts.discount_major is 'What it gave in paid sessions, major unit';
comment on column marts.discounts.conversion is 'Completed sessions by created ones, of those with it, 0 to 1';
comment on column marts.discounts.conversion_without_discount is 'The same of the account''s sessions in that currency without any discount';
