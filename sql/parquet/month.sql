-- The rows of one month.
select * exclude (month)
from exported
where month = $month;
