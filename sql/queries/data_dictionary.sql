-- Every column of every table: type, meaning and unit.
select
    columns.schema_name || '.' || columns.table_name as table_name,
    columns.column_name,
    columns.data_type,
    columns.comment
from duckdb_columns() as columns
where not columns.internal and columns.database_name = current_database()
order by columns.schema_name, columns.table_name, columns.column_index;
