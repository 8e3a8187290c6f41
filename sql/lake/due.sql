-- Whether enough old snapshots have piled up. A tidied lake has none, so it isn't due again at once.
select count(*) > $most as due
from ducklake_snapshots('lake')
where snapshot_time < now() - interval 1 day;
