-- The rows of one month. By moments, since DuckDB skips what is stored of others.
select * exclude (moment)
from exported
where moment between make_timestamptz($earliest) and make_timestamptz($latest);
