-- What the API sent and the columns do not know; the values are in `payload`.
select account, path, type, first_seen, sessions, example_id
from meta.drift
order by first_seen, path;
