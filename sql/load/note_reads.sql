-- When each session of the batch was last read, and why it is unsettled, if it is.
-- One that leads back says nothing, so it stays due. Grain: one row a session.
create or replace temp table reads as
with

latest as (
    select
        incoming.id,
        incoming.created,
        incoming.status,
        incoming.payment_status,
        incoming.mode,
        greatest(incoming.observed_at, unsettled.read_at) as last_read_at
    from incoming
    inner join verdicts on incoming.id = verdicts.id
    left join meta.unsettled as unsettled
        on unsettled.account = $account and incoming.id = unsettled.id
    where verdicts.verdict <> 'older'
)

select
    id,
    created,
    last_read_at as read_at,
    case
        when status = 'open' then 'open'
        when
            status = 'complete' and payment_status = 'unpaid' and mode <> 'setup'
            and last_read_at < created + to_seconds($late_payment_s)
            then 'unpaid'
        when status = 'complete' and last_read_at < created + to_seconds($fresh_s) then 'fresh'
    end as reason
from latest;
