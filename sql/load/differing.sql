-- Both payloads of each session whose text differs.
select
    incoming.id,
    incoming.payload as incoming_payload,
    stored.payload::varchar as stored_payload
from verdicts
inner join incoming on verdicts.id = incoming.id
inner join checkout_sessions as stored
    on
        stored.id = incoming.id
        and stored.account = $account
        and stored.created between to_timestamp($oldest::bigint) and to_timestamp($newest::bigint)
where verdicts.verdict in ('changed', 'older');
