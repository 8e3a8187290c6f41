-- A session that is still open is read again; one that is not would stay open for ever.
select
    sessions.account,
    sessions.id,
    sessions.status
from checkout_sessions as sessions
anti join meta.unsettled as unsettled
    on sessions.account = unsettled.account and sessions.id = unsettled.id
where sessions.status = 'open' and sessions.missing_since is null;
