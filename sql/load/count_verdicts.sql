-- How many sessions of the batch were new, changed, unchanged. One whose line items alone are
-- stored anew is changed. Then of how many that are as stored the origin is noted.
select
    count(*) filter (where verdicts.verdict = 'inserted') as inserted,
    count(*) filter (where verdicts.verdict = 'changed' or refilled.id is not null) as updated,
    count(*) filter (where verdicts.verdict in ('unchanged', 'older') and refilled.id is null)
        as unchanged,
    count(*) filter (where verdicts.verdict = 'unchanged' and verdicts.asked_otherwise)
        as asked_otherwise
from verdicts
left join completeness as refilled
    on
        verdicts.id = refilled.id
        and refilled.session_verdict = 'unchanged'
        and (refilled.verdict = 'replaced' or refilled.complete is distinct from refilled.before);
