-- Sessions by mode, status and payment status.
select
    mode,
    status,
    payment_status,
    count(*) as sessions
from marts.sessions
group by all
order by sessions desc;
