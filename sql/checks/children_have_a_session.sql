-- Whatever belongs to a session belongs to one that is stored.
with

children as (
    select distinct 'line_items' as part, account, session_id from checkout_session_line_items
    union all
    select distinct 'custom_fields', account, session_id from checkout_session_custom_fields
    union all
    select distinct 'discounts', account, session_id from checkout_session_discounts
    union all
    select distinct 'shipping_options', account, session_id
    from checkout_session_shipping_options
    union all
    select distinct 'tax_ids', account, session_id from checkout_session_tax_ids
    union all
    select distinct 'optional_items', account, session_id from checkout_session_optional_items
    union all
    select distinct 'history', account, id from checkout_session_history
    union all
    -- One that was rejected is read again too, and may never have been stored.
    select distinct 'unsettled', account, id from meta.unsettled
    anti join meta.rejects as rejects
        on unsettled.account = rejects.account and unsettled.id = rejects.id
)

select
    children.part,
    children.account,
    children.session_id
from children
anti join checkout_sessions as sessions
    on children.account = sessions.account and children.session_id = sessions.id;
