-- What the columns mean that a mart passes on unchanged: what the first relation that the mart reads
-- says of a column of that name. Grain: one row a column of the mart that has no words of its own.
select
    columns.column_name,
    arg_min(
        sources.comment,
        list_position($sources, sources.schema_name || '.' || sources.table_name)
    ) as comment
from duckdb_columns() as columns
inner join duckdb_columns() as sources
    on
        columns.database_name = sources.database_name
        and columns.column_name = sources.column_name
where
    columns.database_name = current_database()
    and columns.schema_name || '.' || columns.table_name = $mart
    and columns.comment is null
    and sources.comment is not null
    and list_contains($sources, sources.schema_name || '.' || sources.table_name)
group by columns.column_name
order by columns.column_name;
