-- Whether the source is in the format of its copy: one made by an earlier version may be in a newer.
select databases.tags['storage_version'] = 'v1.4.0+' as same_format
from duckdb_databases() as databases
where databases.database_name = 'source';
