-- Sessions that had a place in the columns once and have none now.
insert into meta.rejects by name
select unfit.*
from unfit
where not exists (
    from meta.rejects
    where rejects.account = unfit.account and rejects.id = unfit.id
);
