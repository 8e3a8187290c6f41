-- The history, by the month (UTC) in which the versions were superseded.
create or replace temp view exported as
select
    strftime(relation.superseded_at, '%Y-%m') as month,
    relation.*
from query_table(getvariable('relation')) as relation;
