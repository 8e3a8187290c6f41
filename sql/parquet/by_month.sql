-- A table or view of sessions, by the month (UTC) in which they were created.
create or replace temp view exported as
select
    relation.created as moment,
    relation.*
from query_table(getvariable('relation')) as relation;
