-- Which time was read completely, and which was not, from sync.start to the newest covered second.
-- Grain: one row a stretch of time. Key: account, starts_at.
-- Reads: meta.accounts, meta.coverage.
create or replace view marts.coverage as
with

ordered as (
    select
        coverage.account,
        coverage."after",
        coverage.until,
        greatest(
            accounts.sync_start - 1,
            lag(coverage.until) over (partition by coverage.account order by coverage."after")
        ) as previous_until
    from meta.coverage as coverage
    inner join meta.accounts as accounts on coverage.account = accounts.account
),

stretches as (
    select account, 'covered' as kind, "after", until from ordered
    union all
    select account, 'hole' as kind, previous_until as "after", "after" as until
    from ordered
    where previous_until < "after"
)

-- A window is open at its start, so its first second is the next one.
select
    account,
    kind,
    to_timestamp("after" + 1) as starts_at,
    to_timestamp(until + 1) as ends_before
from stretches;

comment on view marts.coverage is 'One row a stretch of time that was read completely, or not';
comment on column marts.coverage.kind is 'covered or hole';
comment on column marts.coverage.starts_at is 'First second of the stretch, UTC';
comment on column marts.coverage.ends_before is 'First second after the stretch, UTC';
