-- What the columns of all tables and marts mean, as far as it is said. Grain: one row a column.
select
    schema_name || '.' || table_name as relation,
    column_name,
    "comment"
from duckdb_columns()
where database_name = current_database() and not internal
order by table_oid, column_index;
