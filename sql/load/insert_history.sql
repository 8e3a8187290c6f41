-- Superseded versions. A payload that was only reshaped is no version of its own.
insert into checkout_session_history by name
select
    $account as account,
    stored.id,
    stored.status,
    stored.payment_status,
    stored.amount_total,
    stored.api_version,
    stored.observed_at,
    incoming.observed_at as superseded_at,
    superseded.payload,
    greatest(stored.observed_at, unsettled.read_at) as last_seen_at
from verdicts
inner join incoming on verdicts.id = incoming.id
inner join stored on verdicts.place = stored.place
inner join superseded on verdicts.id = superseded.id
left join meta.unsettled as unsettled
    on unsettled.account = $account and incoming.id = unsettled.id
where verdicts.verdict = 'changed' and verdicts.reshaped_from is null;
