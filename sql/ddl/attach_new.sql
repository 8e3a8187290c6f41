-- A file that isn't there yet: in the format of DuckDB 1.4, since other tools may be older than this
-- program's own, and the copy for them is then made of its bytes.
attach $path as warehouse (row_group_size 4096, storage_version 'v1.4.0');  -- noqa: PRS
