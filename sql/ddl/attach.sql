-- Small row groups, since every checkpoint joins neighbours that fit into one: with DuckDB's usual
-- 122,880 rows each load would write the latest sessions anew, up to half a gigabyte at a time.
attach $path as warehouse (row_group_size 4096);  -- noqa: PRS
