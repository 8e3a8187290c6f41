-- New sessions, and changed ones in place of the deleted version.
insert into checkout_sessions by name
select
    incoming.* replace (
        coalesce(verdicts.reshaped_from, incoming.observed_at) as observed_at,
        -- Where they weren't read, those that are stored may be of an older version.
        completeness.complete as line_items_complete
    ),
    $account as account,
    $api_version as api_version,
    $run_id as run_id,
    coalesce(verdicts.first_observed_at, incoming.observed_at) as first_observed_at,
    -- A later read that didn't return it still counts.
    if(verdicts.missing_since > incoming.observed_at, verdicts.missing_since, null)
        as missing_since
from incoming
inner join verdicts on incoming.id = verdicts.id
left join completeness on incoming.id = completeness.id
where verdicts.verdict in ('inserted', 'changed');
