-- How many sessions of the batch were new, changed, unchanged.
select
    count(*) filter (where verdict = 'inserted') as inserted,
    count(*) filter (where verdict = 'changed') as updated,
    count(*) filter (where verdict in ('unchanged', 'older')) as unchanged
from verdicts;
