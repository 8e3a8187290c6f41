-- Whether small files or old snapshots have piled up.
select
    (select count(*) from ducklake_snapshots('lake') where snapshot_time < now() - interval 1 day)
    > $old_snapshots
    or (select coalesce(sum(file_count + delete_file_count), 0) from ducklake_table_info('lake'))
    > $files as due;
