-- Sessions that are as stored, but whose line items now are all there, or no longer.
update checkout_sessions set line_items_complete = completeness.complete
from completeness
where
    checkout_sessions.account = $account
    and checkout_sessions.created
    between to_timestamp($oldest::bigint) and to_timestamp($newest::bigint)
    and checkout_sessions.id = completeness.id
    and completeness.session_verdict = 'unchanged'
    and completeness.complete is distinct from completeness.before;
