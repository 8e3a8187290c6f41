-- A child table, by the month (UTC) in which the sessions were created.
create or replace temp view exported as
select
    relation.session_created as moment,
    relation.*
from query_table(getvariable('relation')) as relation;
