-- Tables of the warehouse, to tell an empty one from another program's.
select schema_name || '.' || table_name as name
from duckdb_tables()
where not internal and not temporary and database_name = current_database();
