-- How the lake keeps its data; said before there are tables, since it is no part of a transaction.
-- What the pipeline knows about itself is many small rows, which stay in the catalog.
create schema if not exists meta;
call lake.set_option('parquet_compression', 'zstd');
call lake.set_option('data_inlining_row_limit', 5000, schema => 'meta');
