-- Sessions that had a place in the columns once and have none now.
insert into meta.rejects by name
select
    unfit.* replace (
        to_timestamp(unfit.created) as created,
        to_timestamp(unfit.observed_at) as observed_at
    )
from unfit
where not exists (
    from meta.rejects
    where rejects.account = unfit.account and rejects.id = unfit.id
);
