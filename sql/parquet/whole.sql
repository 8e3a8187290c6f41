-- A table or view as one file.
create or replace temp view exported as
select
    'all' as month,
    relation.*
from query_table(getvariable('relation')) as relation;
