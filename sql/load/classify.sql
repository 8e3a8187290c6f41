-- What becomes of each session of the batch, against what is stored now.
-- Grain: one row a session of `incoming`. `changed` is still to be confirmed by value.
create or replace temp table verdicts as
select
    incoming.id,
    stored.place,
    stored.first_observed_at,
    stored.missing_since,
    stored.line_items_complete,
    -- Stored in another API version, or kept under other privacy settings.
    (stored.api_version is distinct from $api_version) or coalesce(runs.privacy, '') <> $privacy
        as otherwise,
    -- One that was only reshaped keeps the time of the version before, so there the begin of the
    -- run that read it tells more.
    greatest(stored.observed_at, unsettled.read_at, if(otherwise, runs.started_at, null))
        as last_read_at,
    otherwise and incoming.observed_at >= last_read_at as asked_otherwise,
    -- If so, and else the same: no new version of the session.
    case
        when
            asked_otherwise
            and (stored.status is not distinct from incoming.status)
            and (stored.payment_status is not distinct from incoming.payment_status)
            and (stored.amount_total is not distinct from incoming.amount_total)
            then stored.observed_at
    end as reshaped_from,
    case
        when stored.id is null then 'inserted'
        when incoming.payload = stored.payload then 'unchanged'
        when incoming.observed_at < last_read_at then 'older'
        -- A session never leads back to open, nor to unpaid, so such an observation is older
        -- whatever its time.
        when incoming.status = 'open' and stored.status in ('complete', 'expired') then 'older'
        when incoming.payment_status = 'unpaid' and stored.payment_status = 'paid' then 'older'
        else 'changed'
    end as verdict
from incoming
left join stored on incoming.id = stored.id
left join meta.runs as runs on stored.run_id = runs.run_id
left join meta.unsettled as unsettled
    on unsettled.account = $account and incoming.id = unsettled.id;
