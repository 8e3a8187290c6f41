-- Extensions that DuckDB has installed, and where.
select extension_name, install_path
from duckdb_extensions()
where installed;
