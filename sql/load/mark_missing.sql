-- Grain of `gone`: one row a session that the API no longer returns.
update checkout_sessions
set missing_since = to_timestamp(gone.api_time)
from gone
where checkout_sessions.rowid = gone.place;
