-- The history, by the month (UTC) in which the versions were superseded.
create or replace temp view exported as
select
    relation.superseded_at as moment,
    relation.*
from query_table(getvariable('relation')) as relation;
