-- Discounts with what is known of their session.
-- Grain: one row a discount of a session that the API still returns. Key: account, session_id,
-- position.
-- What each of several discounts gave isn't known: a session's discount is divided evenly, in the
-- minor unit, and the first ones have what is left over, so that they add up to it.
-- Units: major.
-- Reads: checkout_session_discounts, marts.sessions.
create or replace view marts.session_discounts as
with

given as (
    select
        discounts.account,
        discounts.session_id,
        discounts.position,
        discounts.coupon,
        discounts.promotion_code,
        sessions.created_date,
        sessions.currency,
        sessions.is_complete,
        sessions.is_paid,
        sessions.total_details_amount_discount as discount,
        count(*) over (partition by discounts.account, discounts.session_id) as discounts
    from main.checkout_session_discounts as discounts
    inner join marts.sessions as sessions
        on discounts.account = sessions.account and discounts.session_id = sessions.id
)

select
    * exclude (discount, discounts),
    major_of_whole(
        discount // discounts + case when "position" < discount % discounts then 1 else 0 end,
        currency
    ) as discount_major
from given;

comment on view marts.session_discounts is 'One row a discount of a session';
comment on column marts.session_discounts.created_date is 'Day on which the session was created, in the time zone of the settings';
comment on column marts.session_discounts.is_complete is 'Whether the session is complete';
comment on column marts.session_discounts.is_paid is 'Whether the session is paid';
comment on column marts.session_discounts.discount_major is 'What it gave, major unit; an even part, in whole minor units, where the session has several';
