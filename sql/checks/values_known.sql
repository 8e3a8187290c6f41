-- Status, payment status and mode have values that the marts know.
select
    account,
    id,
    status,
    payment_status,
    mode
from checkout_sessions
where
    status not in ('open', 'complete', 'expired')
    or payment_status not in ('paid', 'unpaid', 'no_payment_required')
    or mode not in ('payment', 'setup', 'subscription');
