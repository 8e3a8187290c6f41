-- Sessions by mode, status and payment status.
select mode, status, payment_status, count(*) as sessions
from checkout_sessions
where missing_since is null
group by all
order by sessions desc;
