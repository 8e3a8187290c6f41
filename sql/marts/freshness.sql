-- How complete and how fresh an account's sessions are.
-- Grain: one row an account. Key: account.
-- Reads: meta.accounts, meta.unsettled, meta.rejects, meta.runs, checkout_sessions, marts.coverage.
create or replace view marts.freshness as
with

coverage as (
    select
        stretches.account,
        max(stretches.ends_before) - interval 1 second as newest_covered,
        min(
            case
                when
                    stretches.kind = 'covered'
                    and stretches.starts_at <= to_timestamp(accounts.sync_start)
                    and stretches.ends_before > to_timestamp(accounts.sync_start)
                    then stretches.ends_before
            end
        ) - interval 1 second as watermark,
        count(*) filter (where stretches.kind = 'hole') as holes,
        coalesce(
            sum(epoch(stretches.ends_before) - epoch(stretches.starts_at)) filter (
                where stretches.kind = 'hole'
            ),
            0
        )::bigint as hole_seconds
    from marts.coverage as stretches
    inner join meta.accounts as accounts on stretches.account = accounts.account
    group by stretches.account
),

sessions as (
    select
        account,
        count(*) filter (where missing_since is null) as sessions,
        count(*) filter (where missing_since is not null) as sessions_missing
    from main.checkout_sessions
    group by account
),

unsettled as (
    select account, count(*) as sessions from meta.unsettled group by account
),

rejects as (
    select account, count(*) as sessions from meta.rejects group by account
),

last_runs as (
    select
        account,
        -- One without a response has the API time of the run before it.
        arg_max(kind, (started_at, rowid)) as last_run_kind,
        arg_max(outcome, (started_at, rowid)) as last_run_outcome,
        arg_max(ended_at, (started_at, rowid)) as last_run_ended_at
    from meta.runs
    where started_at is not null
    group by account
)

select
    accounts.account,
    accounts.livemode,
    to_timestamp(accounts.api_time) as as_of,
    coverage.watermark,
    coverage.newest_covered,
    coalesce(coverage.holes, 0) as holes,
    coalesce(coverage.hole_seconds, 0) as hole_seconds,
    coalesce(sessions.sessions, 0) as sessions,
    coalesce(unsettled.sessions, 0) as sessions_unsettled,
    coalesce(sessions.sessions_missing, 0) as sessions_missing,
    coalesce(rejects.sessions, 0) as sessions_rejected,
    last_runs.last_run_kind,
    last_runs.last_run_outcome,
    last_runs.last_run_ended_at
from meta.accounts as accounts
left join coverage on accounts.account = coverage.account
left join sessions on accounts.account = sessions.account
left join unsettled on accounts.account = unsettled.account
left join rejects on accounts.account = rejects.account
left join last_runs on accounts.account = last_runs.account;

comment on view marts.freshness is 'One row an account: how complete and how fresh its sessions are';
comment on column marts.freshness.hole_seconds is 'Length of the holes together, seconds';
comment on column marts.freshness.sessions is 'Sessions stored, without the missing ones';
comment on column marts.freshness.sessions_rejected is 'Sessions that have no place in the columns';
comment on column marts.freshness.last_run_kind is 'sync or backfill';
comment on column marts.freshness.last_run_outcome is 'How the last run ended';
comment on column marts.freshness.last_run_ended_at is 'API time of its last response';
comment on column marts.freshness.as_of is 'Latest API time that was seen';
comment on column marts.freshness.watermark is 'Everything from sync.start up to here is stored; null while it is not';
comment on column marts.freshness.newest_covered is 'End of the newest covered window';
comment on column marts.freshness.holes is 'Stretches of time between sync.start and newest_covered that were not read completely';
comment on column marts.freshness.sessions_unsettled is 'Sessions that may still change and are read again';
comment on column marts.freshness.sessions_missing is 'Sessions that the API no longer returns; in no other mart';
