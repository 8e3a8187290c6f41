-- Created, completed and paid by country; the country is known once a customer gave an address.
select
    value as country,
    sum(sessions_created)::bigint as created,
    sum(sessions_completed)::bigint as completed,
    sum(sessions_paid)::bigint as paid,
    round(100.0 * completed / created, 1) as completed_percent
from marts.funnel
where dimension = 'country'
group by value
order by created desc, country;
