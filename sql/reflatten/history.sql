-- Some superseded versions, as they lie. Grain: one row a version.
select
    rowid as place,
    id,
    payload::varchar as payload
from checkout_session_history
where rowid >= $first and rowid < $end;
