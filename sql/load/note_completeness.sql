-- Sessions that are as stored, but whose line items now are all there, or no longer.
update checkout_sessions set line_items_complete = completeness.complete
from completeness
inner join verdicts on completeness.id = verdicts.id
where
    checkout_sessions.rowid = verdicts.place
    and completeness.session_verdict = 'unchanged'
    and completeness.complete is distinct from completeness.before;
