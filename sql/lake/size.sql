-- Bytes of the lake's data files, as of now.
select coalesce(sum(file_size_bytes), 0)::bigint as bytes
from ducklake_table_info('lake');
