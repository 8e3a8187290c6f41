-- When each session of the batch was last read, and why it is unsettled, if it is.
-- One that leads back says nothing, so it stays due. Nor does a read before one that didn't return the
-- session any more, nor a reject older than what is stored. What a reject doesn't say in a way that can
-- be read is taken as what lets it be looked at longest. Grain: one row a session.
create or replace temp table reads as
with

latest as (
    select
        incoming.id,
        incoming.created,
        incoming.status,
        incoming.payment_status,
        incoming.mode,
        incoming.observed_at,
        completeness.complete is not null and not completeness.complete as partial
    from incoming
    inner join verdicts on incoming.id = verdicts.id
    left join completeness on incoming.id = completeness.id
    where
        verdicts.verdict <> 'older'
        and (verdicts.missing_since is null or verdicts.missing_since <= incoming.observed_at)
    union all
    select
        rejected.id,
        stored.created,
        coalesce(rejected.status, 'complete') as status,
        coalesce(rejected.payment_status, 'unpaid') as payment_status,
        coalesce(rejected.mode, 'payment') as mode,
        stored.observed_at,
        false as partial
    from rejected
    inner join meta.rejects as stored
        on
            stored.account = $account
            and rejected.id = stored.id
            and stored.observed_at <= to_timestamp(rejected.observed_at)
),

timed as (
    select latest.*, greatest(latest.observed_at, unsettled.read_at) as last_read_at
    from latest
    left join meta.unsettled as unsettled
        on unsettled.account = $account and latest.id = unsettled.id
)

select
    id,
    created,
    last_read_at as read_at,
    case
        when status = 'open' then 'open'
        when partial then 'partial'
        when
            status = 'complete' and payment_status = 'unpaid' and mode <> 'setup'
            and last_read_at < created + to_seconds($late_payment_s)
            then 'unpaid'
        when status = 'complete' and last_read_at < created + to_seconds($fresh_s) then 'fresh'
    end as reason
from timed;
