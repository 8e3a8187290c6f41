-- The marts hold each session once, and the same totals as the base table.
with

base as (
    select
        account,
        currency,
        count(*) as sessions,
        count(*) filter (where payment_status = 'paid') as paid,
        sum(amount_total) filter (where payment_status = 'paid') as paid_minor,
        count(*) filter (where status = 'complete') as completed
    from checkout_sessions
    where missing_since is null
    group by account, currency
),

base_by_account as (
    select
        account,
        sum(sessions) as sessions,
        sum(completed) as completed,
        sum(paid) as paid
    from base
    group by account
),

figures as (
    select
        account,
        currency,
        'sessions' as mart,
        count(*) as sessions,
        count(*) filter (where is_complete) as completed,
        count(*) filter (where is_paid) as paid,
        sum(amount_total_major) filter (where is_paid) as paid_amount_major
    from marts.sessions
    group by account, currency
    union all
    select
        account,
        currency,
        'daily_sessions',
        sum(sessions_created),
        sum(sessions_completed),
        sum(sessions_paid),
        sum(paid_amount_major)
    from marts.daily_sessions
    group by account, currency
),

funnels as (
    select
        account,
        dimension,
        sum(sessions_created) as sessions,
        sum(sessions_completed) as completed,
        sum(sessions_paid) as paid
    from marts.funnel
    where dimension <> 'payment_method'
    group by account, dimension
)

select
    figures.mart,
    coalesce(base.account, figures.account) as account,
    coalesce(base.currency, figures.currency) as part,
    base.sessions,
    figures.sessions as mart_sessions,
    major(base.paid_minor, base.currency) as paid_amount_major,
    figures.paid_amount_major as mart_paid_amount_major
from base
full join figures
    on base.account = figures.account and base.currency is not distinct from figures.currency
where
    base.sessions is distinct from figures.sessions
    or base.completed is distinct from figures.completed
    or base.paid is distinct from figures.paid
    or coalesce(major(base.paid_minor, base.currency), 0)
    <> coalesce(figures.paid_amount_major, 0)
union all
select
    'funnel' as mart,
    funnels.account,
    funnels.dimension as part,
    base_by_account.sessions,
    funnels.sessions as mart_sessions,
    null as paid_amount_major,
    null as mart_paid_amount_major
from funnels
full join base_by_account on funnels.account = base_by_account.account
where
    base_by_account.sessions is distinct from funnels.sessions
    or base_by_account.completed is distinct from funnels.completed
    or base_by_account.paid is distinct from funnels.paid;
