-- Rows kept in the catalog go to files, small files are merged, files with many deleted rows are
-- written anew, and what only snapshots older than a day refer to is removed.
call ducklake_flush_inlined_data('lake');
call ducklake_merge_adjacent_files('lake');
call ducklake_rewrite_data_files('lake');
call ducklake_expire_snapshots('lake', older_than => now() - interval 1 day);
call ducklake_cleanup_old_files('lake', older_than => now() - interval 1 day);
