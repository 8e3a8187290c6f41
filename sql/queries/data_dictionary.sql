-- Every column of every table and mart: type, meaning and unit.
with

base as (
    select
        column_name,
        comment
    from duckdb_columns()
    where database_name = current_database() and table_name = 'checkout_sessions'
)

select
    columns.schema_name || '.' || columns.table_name as table_name,
    columns.column_name,
    columns.data_type,
    coalesce(columns.comment, base.comment) as comment
from duckdb_columns() as columns
-- A lake keeps no comments on columns of views: there, one that has a base column's name is that one.
left join base on columns.schema_name = 'marts' and columns.column_name = base.column_name
where not columns.internal and columns.database_name = current_database()
order by columns.schema_name, columns.table_name, columns.column_index;
