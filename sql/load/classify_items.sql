-- What becomes of each session's line items, where they were read, against what is stored now, and
-- whether all are stored then. Grain: one row a session. `replaced` is still to be confirmed by
-- value where both lists are given.
create or replace temp table item_verdicts as
with

reads as (
    select
        incoming.id,
        incoming.observed_at,
        incoming.line_items_complete as complete,
        verdicts.verdict as session_verdict,
        verdicts.line_items_complete as complete_before
    from incoming
    inner join verdicts on incoming.id = verdicts.id
    where incoming.line_items_complete is not null and verdicts.verdict <> 'older'
),

stored as (
    select
        session_id,
        list(payload order by position) as items,
        max(observed_at) as observed_at
    from stored_items
    where session_id in (select id from reads where session_verdict <> 'inserted')
    group by session_id
),

received as (
    select session_id, list(payload order by position) as items
    from incoming_line_items
    where session_id in (select id from reads where session_verdict <> 'inserted')
    group by session_id
),

compared as (
    select
        reads.*,
        stored.observed_at as stored_at,
        coalesce(received.items, []) as incoming_items,
        -- Of an incomplete list only the beginning can be compared.
        if(  -- noqa: PRS
            reads.complete, coalesce(stored.items, []),
            coalesce(stored.items, [])[:len(coalesce(received.items, []))]
        ) as stored_items
    from reads
    left join stored on reads.id = stored.session_id
    left join received on reads.id = received.session_id
),

judged as (
    select
        *,
        case
            when session_verdict = 'inserted' then 'replaced'
            when stored_at > observed_at then 'older'
            when incoming_items = stored_items then 'same'
            else 'replaced'
        end as verdict
    from compared
)

select
    id,
    complete,
    complete_before,
    session_verdict,
    verdict,
    if(verdict = 'replaced' and session_verdict <> 'inserted', incoming_items, null)
        as incoming_items,
    if(verdict = 'replaced' and session_verdict <> 'inserted', stored_items, null) as stored_items
from judged;
