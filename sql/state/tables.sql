-- How many tables a warehouse has, to tell an empty one from another program's.
select count(*) as tables
from duckdb_tables()
where not internal and not temporary and database_name = current_database();
