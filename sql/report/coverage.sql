-- Which time was read completely, and which was not; the strip begins shortly before the oldest
-- session, since there is nothing to see before it.
with

oldest as (
    select
        account,
        min(created) as created
    from marts.sessions
    group by account
)

select
    coverage.account,
    coverage.kind,
    greatest(coverage.starts_at, oldest.created - interval 1 day) as starts_at,
    coverage.ends_before
from marts.coverage as coverage
inner join oldest on coverage.account = oldest.account
where
    coverage.ends_before > oldest.created - interval 1 day
    and ($accounts::varchar[] is null or list_contains($accounts::varchar[], coverage.account))
order by coverage.account, coverage.starts_at;
