-- Both payloads of each session whose text differs.
select
    incoming.id,
    incoming.payload as incoming_payload,
    stored.payload as stored_payload
from verdicts
inner join incoming on verdicts.id = incoming.id
inner join stored on verdicts.place = stored.place
where verdicts.verdict in ('changed', 'older');
