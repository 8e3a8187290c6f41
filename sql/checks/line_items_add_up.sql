-- Where all line items are stored, their totals and the shipping are the session's total.
with

items as (
    select
        account,
        session_id,
        count(*) as items,
        sum(amount_total) as amount_total
    from checkout_session_line_items
    group by account, session_id
)

select
    sessions.account,
    sessions.id,
    sessions.currency,
    sessions.amount_total,
    items.amount_total as line_items_amount_total,
    sessions.shipping_cost_amount_total
from checkout_sessions as sessions
inner join items on sessions.account = items.account and sessions.id = items.session_id
where
    sessions.line_items_complete
    -- Tax may be rounded for each item or for the whole.
    and abs(
        sessions.amount_total
        - items.amount_total
        - coalesce(sessions.shipping_cost_amount_total, 0)
    ) > items.items;
