insert into meta.unsettled by name
select $account as account, id, created, read_at, reason
from reads
where reason is not null;
