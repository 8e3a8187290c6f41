-- How complete and how fresh each account is.
select
    account,
    livemode,
    as_of,
    watermark,
    newest_covered,
    holes,
    sessions,
    sessions_unsettled,
    sessions_missing,
    sessions_rejected,
    last_run_kind,
    last_run_outcome,
    last_run_ended_at
from marts.freshness
where ($accounts::varchar[] is null or list_contains($accounts::varchar[], account))
order by account;
