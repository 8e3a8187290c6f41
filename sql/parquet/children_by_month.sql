-- A child table, by the month (UTC) in which the sessions were created.
create or replace temp view exported as
select
    strftime(relation.session_created, '%Y-%m') as month,
    relation.*
from query_table(getvariable('relation')) as relation;
