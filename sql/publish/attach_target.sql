-- In the format of DuckDB 1.4, since other tools may be older than this program's own.
attach $path as target (storage_version 'v1.4.0');  -- noqa: PRS
