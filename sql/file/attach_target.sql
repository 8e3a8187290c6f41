-- A file to be filled, as `ddl/attach_new` makes one.
attach $path as target (row_group_size 4096, storage_version 'v1.4.0');  -- noqa: PRS
