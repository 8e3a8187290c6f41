-- Created, completed and paid by payment method offered; a session counts once for each.
select
    value as payment_method,
    sum(sessions_created)::bigint as created,
    sum(sessions_completed)::bigint as completed,
    sum(sessions_paid)::bigint as paid,
    round(100.0 * completed / created, 1) as completed_percent,
    round(100.0 * paid / completed, 1) as paid_percent_of_completed
from marts.funnel
where dimension = 'payment_method'
group by value
order by created desc, payment_method;
