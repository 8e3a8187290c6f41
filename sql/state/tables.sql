-- Whether a file has any table, to tell an empty one from another program's.
select 1 as found
from duckdb_tables()
where not internal and not temporary
limit 1;
