-- How complete and how fresh each account is.
select
    account,
    livemode,
    watermark,
    newest_covered,
    holes,
    sessions,
    sessions_unsettled,
    sessions_missing,
    last_run_outcome,
    last_run_ended_at
from marts.freshness
order by account;
