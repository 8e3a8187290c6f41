-- The places in a session's list are 0, 1, 2 and so on, each taken once.
with

children as (
    select 'line_items' as list, account, session_id, position from checkout_session_line_items
    union all
    select 'custom_fields', account, session_id, position from checkout_session_custom_fields
    union all
    select 'discounts', account, session_id, position from checkout_session_discounts
    union all
    select 'shipping_options', account, session_id, position
    from checkout_session_shipping_options
    union all
    select 'tax_ids', account, session_id, position from checkout_session_tax_ids
    union all
    select 'optional_items', account, session_id, position from checkout_session_optional_items
)

select
    list,
    account,
    session_id,
    count(*) as stored,
    max(position) as last_position
from children
group by list, account, session_id
having
    min(position) <> 0
    or max(position) <> count(*) - 1
    or sum(position) <> count(*) * (count(*) - 1) // 2;
