-- Figures of one account. Grain: one row.
select
    (
        select count(*) from meta.unsettled where account = $account
    ) as unsettled,
    (
        select count(*) from checkout_sessions where account = $account
    ) as sessions,
    (
        select count(*) from checkout_sessions
        where account = $account and missing_since is not null
    ) as missing,
    (
        select count(*) from checkout_sessions
        where
            account = $account
            and missing_since is null
            and line_items_complete is distinct from true
    ) as line_items_incomplete,
    (
        select count(*) from meta.rejects where account = $account
    ) as rejects,
    (
        select count(*) from meta.drift where account = $account
    ) as drift,
    (
        select coalesce(sum(requests), 0)::bigint from meta.runs
        where
            account = $account
            and started_at > (select max(started_at) from meta.runs) - interval 30 days
    ) as requests_last_30_days;
