-- Versions of which something must no longer be stored.
update checkout_session_history set payload = redacted.payload
from redacted
where checkout_session_history.rowid = redacted.place;
