-- Sessions that did not fit the columns, with the reason.
select account, id, created, reason
from meta.rejects
order by created desc;
