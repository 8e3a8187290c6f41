-- The months (UTC) of what is exported, each with a value that differs where its rows differ, and
-- from when to when its rows are, epoch microseconds.
select
    strftime(moment, '%Y-%m') as month,
    md5(concat_ws(' ', count(*), bit_xor(hash(exported)))) as fingerprint,
    epoch_us(min(moment)) as earliest,
    epoch_us(max(moment)) as latest
from exported
group by month
order by month;
