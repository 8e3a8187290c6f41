-- A version was seen first before it was superseded.
select
    account,
    id,
    observed_at,
    superseded_at
from checkout_session_history
where superseded_at < observed_at;
